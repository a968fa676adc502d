"""Some of the networks in other libraries, as their own examples would write them: Chainer, DeZero, tinygrad, HIPS autograd.

`PEERS` says which network is written for which library, `steps(library, name)` returns a function that does one training
step (SGD with momentum) or prediction. Chainer's last release is from 2022: `pip install "setuptools<70"` and
`pip install --no-build-isolation --no-deps chainer`, then its requirements six, protobuf, filelock, typing_extensions.
"""

import numpy as np
from models import MODELS

__all__ = ["PEERS", "prepare", "steps"]

PEERS = {
    "chainer": ("mlp", "lenet", "resnet20", "vgg", "lenet-1", "resnet20-1"), "dezero": ("mlp", "lenet", "lenet-1"),
    "tinygrad": ("mlp", "lenet", "lenet-1"), "autograd": ("mlp",)}


def prepare(library):
    """What an old library needs of a new NumPy before it can be imported: names that NumPy has given up."""
    if library in ("chainer", "dezero"):
        kinds = {kind: [np.dtype(f"{kind}{bits}").type for bits in sizes] for kind, sizes in (
            ("int", (8, 16, 32, 64)), ("uint", (8, 16, 32, 64)), ("float", (16, 32, 64)), ("complex", (64, 128)))}
        for name, value in {"int": int, "float": float, "bool": bool, "object": object, "complex": complex,
                            "sctypes": {**kinds, "others": []}}.items():
            if name not in vars(np):
                setattr(np, name, value)


def steps(library, name):
    """One step of network `name` in a peer library."""
    batch, task = MODELS[name][1:]
    rng = np.random.default_rng(0)
    shape = (1, 28, 28) if name.removesuffix("-1") in ("mlp", "lenet") else (3, 32, 32)
    x, y = rng.normal(size=(batch, *shape)).astype(np.float32), rng.integers(0, 10, batch)
    return globals()[f"_{library}"](name.removesuffix("-1"), x, y, task)


def _chainer(name, x, y, task):
    import chainer
    import chainer.functions as F
    import chainer.links as L

    def conv(c, f, size, stride=1, pad=0, nobias=False):
        return L.Convolution2D(c, f, size, stride, pad, nobias)

    class Block(chainer.Chain):
        def __init__(self, c, f, stride):
            super().__init__()
            with self.init_scope():
                self.conv1, self.bn1 = conv(c, f, 3, stride, 1, True), L.BatchNormalization(f)
                self.conv2, self.bn2 = conv(f, f, 3, 1, 1, True), L.BatchNormalization(f)
                if stride > 1:
                    self.conv3, self.bn3 = conv(c, f, 1, stride, 0, True), L.BatchNormalization(f)

        def forward(self, x):
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            return F.relu(y + (self.bn3(self.conv3(x)) if hasattr(self, "conv3") else x))

    def halve(x):
        return F.max_pooling_2d(x, 2, 2)

    if name == "mlp":
        layers = [L.Linear(784, 256), F.relu, L.Linear(256, 10)]
    elif name == "lenet":
        layers = [conv(1, 20, 5), halve, conv(20, 50, 5), halve, L.Linear(800, 500), F.relu, L.Linear(500, 10)]
    elif name == "vgg":
        layers = []
        for c, f in ((3, 64), (64, 64), (64, 128), (128, 128)):
            layers += [conv(c, f, 3, 1, 1), L.BatchNormalization(f), F.relu, *([halve] if c == f else [])]
        layers += [L.Linear(128 * 8 * 8, 512), F.relu, L.Linear(512, 10)]
    else:
        layers = [conv(3, 16, 3, 1, 1, True), L.BatchNormalization(16), F.relu]
        for c, f in ((16, 16), (16, 32), (32, 64)):
            layers += [Block(c, f, f // c), Block(f, f, 1), Block(f, f, 1)]
        layers += [lambda x: F.average_pooling_2d(x, x.shape[2]), L.Linear(64, 10)]
    net, y = chainer.Sequential(*layers), y.astype(np.int32)
    if task == "infer":
        def predict():
            with chainer.using_config("train", False), chainer.no_backprop_mode():
                return net(x)
        return predict
    optimizer = chainer.optimizers.MomentumSGD(0.01, 0.9).setup(net)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(1e-4))

    def train():
        net.cleargrads()
        loss = F.softmax_cross_entropy(net(x), y)
        loss.backward()
        optimizer.update()
        return loss
    return train


def _dezero(name, x, y, task):
    import dezero
    import dezero.functions as F
    import dezero.layers as L

    class Net(dezero.Model):
        def __init__(self):
            super().__init__()
            if name == "lenet":
                self.conv1, self.conv2 = L.Conv2d(20, 5), L.Conv2d(50, 5)
            self.hidden, self.out = L.Linear(500 if name == "lenet" else 256), L.Linear(10)

        def forward(self, x):
            if name == "lenet":
                x = F.pooling(self.conv2(F.pooling(self.conv1(x), 2, 2)), 2, 2)
            return self.out(F.relu(self.hidden(F.reshape(x, (x.shape[0], -1)))))

    net = Net()
    if task == "infer":
        def predict():
            with dezero.no_grad():
                return net(x)
        return predict
    net(x)
    optimizer = dezero.optimizers.MomentumSGD(0.01, 0.9).setup(net)

    def train():
        loss = F.softmax_cross_entropy(net(x), y)
        net.cleargrads()
        loss.backward()
        optimizer.update()
        return loss
    return train


def _tinygrad(name, x, y, task):
    from tinygrad import Context, Tensor, TinyJit, nn

    class Net:
        def __init__(self):
            if name == "lenet":
                self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
            inputs, units = (800, 500) if name == "lenet" else (784, 256)
            self.hidden, self.out = nn.Linear(inputs, units), nn.Linear(units, 10)

        def __call__(self, x):
            if name == "lenet":
                x = self.conv2(self.conv1(x).max_pool2d((2, 2))).max_pool2d((2, 2))
            return self.out(self.hidden(x.flatten(1)).relu())

    net, x, y = Net(), Tensor(x).realize(), Tensor(y).realize()
    if task == "infer":
        predict = TinyJit(lambda: net(x).realize())
        return lambda: predict().numpy()
    optimizer = nn.optim.SGD(nn.state.get_parameters(net), lr=0.01, momentum=0.9, weight_decay=1e-4)

    @TinyJit
    def train():
        optimizer.zero_grad()
        loss = net(x).sparse_categorical_crossentropy(y).backward()
        optimizer.step()
        return loss.realize()

    def step():
        with Context(TRAINING=1):
            return train().numpy()
    return step


def _autograd(name, x, y, task):
    import autograd.numpy as anp
    from autograd import grad

    rng, x, hot = np.random.default_rng(0), x.reshape(len(x), -1), np.eye(10, dtype=np.float32)[y]
    weights = [rng.normal(0, 0.05, shape).astype(np.float32) for shape in ((784, 256), (256,), (256, 10), (10,))]

    def loss(weights):
        w1, b1, w2, b2 = weights
        logits = anp.dot(anp.maximum(anp.dot(x, w1) + b1, 0), w2) + b2
        top = anp.max(logits, axis=1, keepdims=True)
        return -anp.mean(anp.sum(hot * (logits - top - anp.log(anp.sum(anp.exp(logits - top), axis=1, keepdims=True))), axis=1))

    gradient, moments = grad(loss), [np.zeros_like(w) for w in weights]

    def train():
        for w, v, g in zip(weights, moments, gradient(weights)):
            v *= 0.9
            v += g + 1e-4 * w
            w -= 0.01 * v
    return train
