"""Some of the networks in other libraries, as their own examples would write them: DeZero, tinygrad and HIPS autograd.

`PEERS` says which network is written for which library, `steps(library, name)` returns a function that does one training
step (SGD with momentum) or prediction. Chainer's last release does not install beside NumPy 2, so it is not here.
"""

import numpy as np
from models import MODELS

__all__ = ["PEERS", "prepare", "steps"]

PEERS = {"dezero": ("mlp", "lenet", "lenet-1"), "tinygrad": ("mlp", "lenet", "lenet-1"), "autograd": ("mlp",)}


def prepare(library):
    """What an old library needs of a new NumPy before it can be imported."""
    if library == "dezero" and not hasattr(np, "int"):
        setattr(np, "int", int)  # noqa: B010  (DeZero 0.0.13 was written for NumPy before 1.24)


def steps(library, name):
    """One step of network `name` in a peer library."""
    batch, task = MODELS[name][1:]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(batch, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, batch)
    return globals()[f"_{library}"](name.removesuffix("-1"), x, y, task)


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
