"""The same bodies on NumPy and on a device: values, first and second derivatives agree, and nothing travels unasked.

The device is the strict stand-in of strict.py, which needs no GPU, and CuPy wherever it finds one. Each case is a
function of tensors and host arrays for its arguments; floats get gradients, integers and booleans do not.
"""

import numpy as np
import pytest
from strict import StrictArray, count_transfers, to_strict

from minicnn import nn, optim
from minicnn.autograd import cast, raw
from minicnn.backend import Generator, cuda_is_available, device_of, to_device, to_numpy
from minicnn.derivatives import grad
from minicnn.nn import functional as F
from minicnn.nn.utils import clip_grad_norm_
from minicnn.ops import arrange as A
from minicnn.ops import elementwise as E
from minicnn.ops import linalg as L
from minicnn.ops import reduce as R
from minicnn.tensor import Tensor

needs_gpu = pytest.mark.skipif(not cuda_is_available(), reason="CuPy finds no GPU")


class Device:
    """Where a test runs: `place` puts a host array there."""

    def __init__(self, name):
        self.name = name

    def place(self, array):
        return to_strict(array) if self.name == "strict:0" else to_device(array, self.name)

    def tensor(self, array):
        return Tensor._make(self.place(array)).requires_grad_(array.dtype.kind == "f")

    def place_module(self, module):
        """Parameters and buffers of a module, moved in place."""
        for t in (*module.parameters(), *module.buffers()):
            t.data = self.place(raw(t))
        return module


HOST = Device("cpu")


@pytest.fixture(params=["strict:0", pytest.param("cuda:0", marks=needs_gpu)])
def device(request):
    return Device(request.param)


# ------------------------------------------------------------------------------------------------------ samples

def normal(*shape, seed=1):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def positive(*shape, seed=2):
    return np.random.default_rng([seed, *shape]).uniform(0.2, 0.9, shape)


def integers(high, *shape, seed=3):
    return np.random.default_rng([seed, high, *shape]).integers(0, high, shape)


def signs(*shape):
    return normal(*shape, seed=4) > 0


CASES = {}


def case(name, body, *arrays, copies=0, uploads=0):
    """`copies` and `uploads` are the transfers to and from the host that one forward and backward may make."""
    assert name not in CASES
    CASES[name] = body, arrays, copies, uploads


X, Y, POSITIVE = normal(2, 3), normal(3), positive(2, 3)

# arithmetic, with numbers of each kind on either side, and broadcasting
case("add", lambda x, y: x + y, X, Y)
case("sub", lambda x, y: x - y, X, Y)
case("mul", lambda x, y: x * y, X, normal(2, 1))
case("div", lambda x, y: x / y, X, positive(3))
case("pow", lambda x, y: x**y, POSITIVE, Y)
for power in (0, 1, 2, 3, 4, 0.5, -1.5):
    case(f"pow {power}", lambda x, p=power: x**p, POSITIVE)
case("numbers", lambda x: 2 - (3 * x + 1.5) / 4 - np.float64(2) * x + 2.0**x + 1 / x, POSITIVE)
case("scalar tensor", lambda x, s: x * s + s, X, normal())
case("comparisons", lambda x, y: x * (x > y) + y * (x <= 0.5) + x * ((x == y) | (x != y)) - x * ~(x >= y), X, Y)

# element-wise
for function in (E.neg, E.square, E.abs, E.exp, E.expm1, E.sin, E.cos, E.tan, E.tanh, E.sigmoid, E.softplus, E.erf, E.sign,
                 E.floor, E.ceil, E.round, E.relu, E.leaky_relu, E.elu, E.silu, E.gelu, E.hardtanh):
    case(function.name, function, X)
for function in (E.log, E.log1p, E.log2, E.sqrt, E.rsqrt, E.reciprocal):
    case(function.name, function, POSITIVE)
case("gelu tanh", lambda x: E.gelu(x, approximate="tanh"), X)
case("erf float32", lambda x: E.erf(x), X.astype(np.float32))
case("prelu", E.prelu, X, Y)
case("maximum", E.maximum, X, Y)
case("minimum", lambda x: E.minimum(x, 0.3), X)
case("clamp", lambda x: x.clamp(-0.5, 0.5), X)
case("clamp below", lambda x: x.clamp(min=0.1), X)
case("where", lambda c, x, y: E.where(c, x, y), signs(2, 3), X, Y)
case("where number", lambda c, x: E.where(c, x, 0.0), signs(2, 3), X)
case("masked_fill", lambda x, c: x.masked_fill(c, -1.0), X, signs(2, 3))
case("isfinite", lambda x: x * x.isfinite() + x * x.isnan(), X)
case("cast", lambda x: cast(x, dtype=np.dtype(np.float32)) * 2, X)
case("in place", lambda x, y: x * y.detach().clone().add_(1.0).mul_(2.0).div_(y.detach()).clamp_(0.1, 3.0), X, positive(3))

# reductions
for function in (R.sum, R.mean, R.var, R.std, R.amax, R.amin, R.prod):
    for axis, keep in ((None, False), (0, False), (-1, True), ((0, 2), False)):
        case(f"{function.__name__} {axis}", lambda x, f=function, a=axis, k=keep: f(x, axis=a, keepdims=k), normal(2, 3, 2))
for p in (1, 2, 3, float("inf")):
    case(f"norm {p}", lambda x, p=p: x.norm(p, dim=1), POSITIVE)
case("sum of a scalar", lambda x: x.sum() * x.mean(), normal())
case("all, any", lambda x: x * x.bool().any() * (x > -9).all(), X)
case("argmax", lambda x: x.sum() * x.argmax() + x.argmin(dim=1) * x.sum(), X)
case("max", lambda x: x.max(dim=1)[0] + x.min(dim=1)[0] + x.max(), X)
case("cumsum", lambda x: x.cumsum(1), X)
case("logsumexp", lambda x: x.logsumexp(1), X)
case("softmax", lambda x: x.softmax(-1), X)
case("log_softmax", lambda x: x.log_softmax(0), X)
case("sort", lambda x: x.sort(dim=1)[0] * x, X)
case("topk", lambda x: x.topk(2)[0], X)

# shape, pieces, indices
case("reshape", lambda x: x.reshape(3, -1) * 2, X)
case("transpose", lambda x: x.T @ x, X)
case("permute", lambda x: x.permute(2, 0, 1).unsqueeze(1).squeeze(1), normal(2, 3, 2))
case("expand", lambda x: x.expand(4, -1) * x, Y)
case("repeat", lambda x: x.repeat(2, 2), X)
case("flip", lambda x: x.flip(1), X)
case("roll", lambda x: x.roll(1, 0) + x.roll((1, 1), (0, 1)) + x.roll(2), X)
case("cat", lambda x, y: A.cat([x, y, x], 0), X, normal(1, 3))
case("stack", lambda x, y: A.stack([x, y], 1), X, normal(2, 3, seed=9))
case("split", lambda x: x.split(2, 1)[0].sum() * x.chunk(2, 0)[1] + x.unbind(1)[1].sum(), X)
case("slices", lambda x: x[0, 1:] * x[..., -1:].sum() + x[:, None, ::2].sum() + x[1, 2], X)
case("integer index", lambda x, i: x[i] * 2, normal(4, 3), integers(4, 5))
case("integer indices", lambda x, i, j: x[i, j], normal(4, 3), integers(4, 5), integers(3, 5))
case("list index", lambda x: x[[0, 0, 1]], X, uploads=1)
case("boolean mask", lambda x, c: x[c], X, signs(2, 3), copies=2)
case("gather", lambda x, i: x.gather(1, i), X, integers(3, 2, 4))
case("index_select", lambda x, i: x.index_select(1, i), X, integers(3, 4))
for mode in A.PAD_MODES:
    case(f"pad {mode}", lambda x, m=mode: A.pad(x, (1, 2), m), normal(2, 4))
case("pad value", lambda x: A.pad(x, (1, -1, 0, 1), value=2.0), normal(2, 4))
case("one_hot", lambda x, i: x * A.one_hot(i, 3), X, integers(3, 2))
case("tril, triu", lambda x: A.tril(x) + 2 * A.triu(x, 1), normal(3, 3))

# matrices
for shapes in (((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((4, 2, 3), (3, 2)), ((4, 2, 3), (4, 3, 2))):
    case(f"matmul {shapes}", lambda x, y: x @ y, normal(*shapes[0]), normal(*shapes[1]))
case("einsum", lambda x, y: L.einsum("bij,jk->bik", x, y), normal(2, 2, 3), normal(3, 2))
case("einsum three", lambda x, y, z: L.einsum("ij,jk,k->i", x, y, z), normal(2, 3), normal(3, 2), normal(2))
case("outer", L.outer, normal(2), Y)

# nn.functional
IMAGES, KERNELS = normal(2, 4, 5, 6), normal(6, 4, 3, 2)
case("linear", F.linear, X, normal(4, 3), normal(4))
case("embedding", lambda w, i: F.embedding(i, w), normal(5, 3), integers(5, 2, 3))
case("attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
     normal(2, 3, 4), normal(2, 3, 4, seed=5), normal(2, 3, 4, seed=6))
case("conv1d", lambda x, w: F.conv1d(x, w, padding=1), normal(2, 3, 7), normal(4, 3, 3))
case("conv2d", F.conv2d, IMAGES, KERNELS, normal(6))
case("conv2d strided", lambda x, w: F.conv2d(x, w, stride=2, padding=(1, 2), dilation=(2, 1)), IMAGES, KERNELS)
case("conv2d groups", lambda x, w: F.conv2d(x, w, padding=1, groups=2), IMAGES, normal(6, 2, 3, 2))
case("conv2d depthwise", lambda x, w: F.conv2d(x, w, padding=1, groups=4), IMAGES, normal(4, 1, 3, 3))
case("conv2d pointwise", F.conv2d, IMAGES, normal(6, 4, 1, 1))
case("conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1),
     IMAGES, normal(4, 3, 3, 3))
case("unfold", lambda x: F.unfold(x, (3, 2), padding=1, stride=2), IMAGES)
case("fold", lambda x: F.fold(x, (5, 6), (3, 2)), normal(2, 12, 15))
case("max_pool2d", lambda x: F.max_pool2d(x, 2), IMAGES)
case("max_pool2d overlapping", lambda x: F.max_pool2d(x, 3, stride=2, padding=1), IMAGES)
case("avg_pool2d", lambda x: F.avg_pool2d(x, 3, stride=2, padding=1), IMAGES)
case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (2, 4)), IMAGES, uploads=2)
case("max_pool2d of what needs no gradient", lambda x: F.max_pool2d(x.detach(), 3, stride=2, padding=1) * x.sum(), IMAGES)
case("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, 2), IMAGES)
case("interpolate nearest", lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), IMAGES, uploads=2)
case("interpolate bilinear", lambda x: F.interpolate(x, size=(7, 9), mode="bilinear"), IMAGES, uploads=2)
case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), IMAGES)
case("layer_norm", lambda x, w, b: F.layer_norm(x, (3,), w, b), X, Y, normal(3, seed=7))
case("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), IMAGES, normal(4), normal(4, seed=7))
case("instance_norm", F.instance_norm, IMAGES)
case("local_response_norm", lambda x: F.local_response_norm(x, 3), IMAGES)
case("normalize", F.normalize, X)
case("cosine_similarity", F.cosine_similarity, X, normal(2, 3, seed=8))
for function in (F.relu6, F.selu, F.logsigmoid, F.softplus, F.hardsigmoid, F.hardswish, F.mish):
    case(f"F.{function.__name__}", function, X)

LABELS = integers(3, 2)
for function in (F.nll_loss, F.cross_entropy):
    case(function.__name__, function, X, LABELS)
    case(f"{function.__name__} weight", lambda x, t, w, f=function: f(x, t, w.detach()), X, LABELS, positive(3))
case("cross_entropy smooth", lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1), X, LABELS)
case("cross_entropy probabilities", lambda x, t: F.cross_entropy(x, t.detach()), X, POSITIVE)
for function in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.binary_cross_entropy_with_logits):
    case(function.__name__, lambda x, t, f=function: f(x, t.detach()), X, positive(2, 3))
case("kl_div", lambda x, t: F.kl_div(x, t.detach(), reduction="batchmean"), X, positive(2, 3))
case("binary_cross_entropy", lambda x, t: F.binary_cross_entropy(x, t.detach()), POSITIVE, positive(2, 3, seed=9))


# ------------------------------------------------------------------------------------- the bodies, here and there

def cotangent(y):
    """Fixed numbers of y's shape, on the host."""
    size = int(np.prod(y.shape))
    return np.cos(1.0 + np.arange(size)).reshape(y.shape).astype(y.dtype)


def first_order(body, arrays, place):
    """The result and the gradient of each float argument, as raw arrays, and the transfers on the way."""
    leaves = [place.tensor(a) for a in arrays]
    weights = place.place(cotangent(body(*leaves)))
    with count_transfers() as transfers:
        y = body(*leaves)
        if y.requires_grad:
            y.backward(Tensor._make(weights))
    grads = [None if x.grad is None else raw(x.grad) for x in leaves]
    return [raw(y), *grads], transfers


def second_order(body, arrays, place):
    """The gradients of <g, g> by each float argument, g being all gradients of the body."""
    leaves = [place.tensor(a) for a in arrays]
    floats = [x for x in leaves if x.requires_grad]
    y = body(*leaves)
    if not y.requires_grad:
        return []
    weights = Tensor._make(place.place(cotangent(y)))
    first = [g for g in grad(y, floats, weights, create_graph=True, allow_unused=True) if g is not None]
    if not any(g.requires_grad for g in first):
        return [raw(g) for g in first]
    total = sum((g * g).sum() for g in first)
    return [None if g is None else raw(g) for g in grad(total, floats, allow_unused=True)]


def assert_same(found, expected, device):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert (a is None) == (b is None)
        if b is None:
            continue
        assert device_of(a) == device.name
        if device.name == "strict:0":
            assert type(a) is StrictArray
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        tight = 1e-12 if b.dtype == np.float64 else 1e-5
        rtol, atol = tight, tight * max(1.0, float(np.abs(b).max(initial=0.0)))  # the device may use another algorithm
        np.testing.assert_allclose(to_numpy(a), b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, device):
    body, arrays, copies, uploads = CASES[name]
    expected, _ = first_order(body, arrays, HOST)
    found, transfers = first_order(body, arrays, device)
    assert_same(found, expected, device)
    assert transfers.to_host <= copies and transfers.to_device <= uploads, transfers


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives(name, device):
    body, arrays, _, _ = CASES[name]
    assert_same(second_order(body, arrays, device), second_order(body, arrays, HOST), device)


# --------------------------------------------------------------------------------------- layers and training steps

def assert_modules_agree(on_device, on_host, device):
    for there, here in zip((*on_device.parameters(), *on_device.buffers()), (*on_host.parameters(), *on_host.buffers())):
        assert_same([raw(there)], [raw(here)], device)


def seeded(make):
    """A module whose weights are the same every time."""
    module = make()
    for i, p in enumerate(module.parameters()):
        p.data = normal(*p.shape, seed=20 + i).astype(np.float32) * 0.5
    return module


LAYERS = {
    "Linear": (lambda: nn.Linear(3, 4), (5, 3)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, padding=1), (2, 3, 5, 5)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (2, 3, 4, 4)),
    "LayerNorm": (lambda: nn.LayerNorm(3), (5, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (2, 4, 3, 3)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 3, 4, 4)),
    "PReLU": (lambda: nn.PReLU(), (5, 3)),
    "Sequential": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.AvgPool2d(2),
                                           nn.Flatten(), nn.Linear(8, 3)), (2, 1, 6, 6)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, training, device):
    make, shape = LAYERS[name]
    here, there = seeded(make).train(training), device.place_module(seeded(make)).train(training)
    x = normal(*shape).astype(np.float32)
    results = []
    for module, place in ((here, HOST), (there, device)):
        leaf = place.tensor(x)
        with count_transfers() as transfers:
            y = module(leaf)
        assert (transfers.to_host, transfers.to_device) == (0, 0), transfers
        y.backward(Tensor._make(place.place(cotangent(y))))
        results.append([raw(y), raw(leaf.grad), *(raw(p.grad) for p in module.parameters())])
    assert_same(results[1], results[0], device)
    assert_modules_agree(there, here, device)


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "LARS": lambda p: optim.LARS(p, lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_steps_stay_on_the_device(name, device):
    x, t = normal(5, 3).astype(np.float32), normal(5, 2).astype(np.float32)
    shapes, results = [(8, 3), (8,), (2, 8), (2,)], []
    for place in (HOST, device):
        weights = [place.tensor(normal(*shape, seed=30).astype(np.float32)) for shape in shapes]
        w1, b1, w2, b2 = weights
        optimizer, inputs, targets = OPTIMIZERS[name](weights), Tensor(place.place(x)), Tensor(place.place(t))
        with count_transfers() as transfers:
            for _ in range(3):
                optimizer.zero_grad()
                loss = F.mse_loss(F.linear(F.tanh(F.linear(inputs, w1, b1)), w2, b2), targets)
                loss.backward()
                norm = clip_grad_norm_(weights, 0.5)
                optimizer.step()
        assert (transfers.to_host, transfers.to_device) == (0, 0), transfers
        results.append([raw(loss), raw(norm), *(raw(w) for w in weights)])
    assert_same(results[1], results[0], device)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_state_goes_to_the_device_of_its_parameter(name, device):
    saved = []
    for place in (HOST, device):
        w = place.tensor(normal(4, 3))
        optimizer = OPTIMIZERS[name]([w])
        for _ in range(2):
            (w * w).sum().backward()
            optimizer.step()
        saved.append(optimizer.state_dict()["state"])
    for number, state in saved[0].items():
        for key, value in state.items():
            if isinstance(value, np.ndarray):
                assert_same([saved[1][number][key]], [value], device)
            else:
                assert saved[1][number][key] == value


def test_dropout_draws_the_same_mask_from_the_host_stream():
    x = normal(4, 5)
    expected = F.dropout(Tensor(x), 0.4, generator=Generator(5))
    found = F.dropout(Tensor(to_strict(x)), 0.4, generator=Generator(5))
    assert_same([raw(found)], [raw(expected)], Device("strict:0"))


def test_dropout_on_the_device(device):
    with count_transfers() as transfers:
        y = F.dropout(Device.tensor(device, np.ones((50, 40))), 0.25, generator=Generator(5))
    values = to_numpy(raw(y))
    assert set(np.unique(values)) <= {0.0, 1 / 0.75} and abs(values.mean() - 1) < 0.1
    assert transfers.to_host == 0


def test_printing_and_moving_back(device):
    x = device.tensor(normal(2, 3))
    assert device.name in repr(x)
    assert x.cpu().device == "cpu" and x.device == device.name
    np.testing.assert_array_equal(x.detach().cpu().numpy(), normal(2, 3))
    assert x.sum().item() == pytest.approx(normal(2, 3).sum())
