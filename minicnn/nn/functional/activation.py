"""Activation functions, softmax and dropout, as torch.nn.functional has them.

PyTorch's `inplace` is taken everywhere and changes nothing: the result is always new, and a gradient never loses a value.
"""

from ...autograd import raw
from ...backend import default_generator, xp_of
from ...errors import InputError
from ...ops import elementwise as E
from ...ops import reduce as R
from ...ops.checks import checked
from .checks import check_choice, check_dtypes, check_float, check_probability

__all__ = [
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "sigmoid", "logsigmoid", "tanh", "gelu", "silu", "softplus",
    "hardtanh", "hardsigmoid", "hardswish", "mish", "softmax", "log_softmax", "dropout", "dropout2d", "normalize",
]


@checked
def relu(input, inplace=False):
    """max(x, 0)."""
    check_float("relu", input)
    return E.relu(input)


@checked
def relu6(input, inplace=False):
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0)


@checked
def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x for x > 0, negative_slope * x otherwise."""
    check_float("leaky_relu", input)
    return E.leaky_relu(input, negative_slope=negative_slope)


@checked
def prelu(input, weight):
    """max(x, 0) + a min(x, 0); weight holds one slope a, or one per channel (dim 1). He et al. 2015, eq. 1."""
    check_float("prelu", input)
    check_dtypes("prelu", input, weight=weight)
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim != 1 or weight.shape[0] not in (1, channels):
        raise InputError("prelu", "weight", f"of shape (1,) or ({channels},)", f"shape {tuple(weight.shape)}")
    if input.ndim > 1:
        weight = weight.reshape((1, -1) + (1,) * (input.ndim - 2))
    return E.prelu(input, weight)


@checked
def elu(input, alpha=1.0, inplace=False):
    """x for x > 0, alpha (e^x - 1) otherwise."""
    check_float("elu", input)
    return E.elu(input, alpha=alpha)


@checked
def selu(input, inplace=False):
    """1.0507 elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    return elu(input, 1.6732632423543772848170429916717) * 1.0507009873554804934193349852946


@checked
def sigmoid(input):
    """1 / (1 + e^-x)."""
    check_float("sigmoid", input)
    return E.sigmoid(input)


@checked
def logsigmoid(input):
    """ln sigmoid(x) = -softplus(-x)."""
    check_float("logsigmoid", input)
    return -E.softplus(-input)


@checked
def tanh(input):
    """Hyperbolic tangent."""
    check_float("tanh", input)
    return E.tanh(input)


@checked
def gelu(input, approximate="none"):
    """x Phi(x), Phi the normal distribution function; approximate='tanh' uses a tanh for it."""
    check_float("gelu", input)
    check_choice("gelu", "approximate", approximate, ("none", "tanh"))
    return E.gelu(input, approximate=approximate)


@checked
def silu(input, inplace=False):
    """x sigmoid(x)."""
    check_float("silu", input)
    return E.silu(input)


@checked
def mish(input, inplace=False):
    """x tanh(softplus(x))."""
    check_float("mish", input)
    return input * E.tanh(E.softplus(input))


@checked
def softplus(input, beta=1.0, threshold=20.0):
    """ln(1 + e^(beta x)) / beta; x itself where beta x > threshold, as in PyTorch."""
    check_float("softplus", input)
    if not beta > 0:
        raise InputError("softplus", "beta", "positive", beta)
    return E.where(raw(input) * beta > threshold, input, E.softplus(input, beta=beta))


@checked
def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """min(max(x, min_val), max_val)."""
    check_float("hardtanh", input)
    if min_val > max_val:
        raise InputError("hardtanh", "min_val", "at most max_val", f"{min_val} > {max_val}")
    return E.hardtanh(input, min_val=min_val, max_val=max_val)


@checked
def hardsigmoid(input, inplace=False):
    """min(max(x + 3, 0), 6) / 6."""
    check_float("hardsigmoid", input)
    return relu6(input + 3.0) / 6.0


@checked
def hardswish(input, inplace=False):
    """x hardsigmoid(x)."""
    check_float("hardswish", input)
    return input * hardsigmoid(input)


def _softmax_axis(function, input, dim):
    check_float(function, input)
    if dim is None:
        raise InputError(function, "dim", "given", "None", "Softmax over classes is dim=1, over the last axis dim=-1")
    return R.axes_of(dim, input.ndim, function)[0] if input.ndim else None


@checked
def softmax(input, dim=None):
    """e^(x_i) / sum_j e^(x_j) along dim, which must be given."""
    axis = _softmax_axis("softmax", input, dim)
    return R.softmax(input, axis=axis)


@checked
def log_softmax(input, dim=None):
    """ln softmax(x), computed as x - logsumexp(x), which cannot overflow."""
    axis = _softmax_axis("log_softmax", input, dim)
    return R.log_softmax(input, axis=axis)


def _drop(function, input, p, training, shape, generator):
    check_float(function, input)
    check_probability(function, p)
    if not training or p == 0:
        return input
    data = raw(input)
    generator = generator or default_generator()
    mask = generator.bernoulli(1 - p, shape, dtype=data.dtype, xp=xp_of(data))
    if p < 1:
        mask *= data.dtype.type(1 / (1 - p))
    return E.mul_mask(input, mask=mask)


@checked
def dropout(input, p=0.5, training=True, inplace=False, *, generator=None):
    """In training each entry is set to 0 with probability p and the others are divided by 1 - p; else the identity.

    p is the probability to DROP, as in PyTorch; Srivastava et al. 2014 (section 4) call p the probability to keep and
    scale at test time instead.
    """
    return _drop("dropout", input, p, training, tuple(input.shape), generator)


@checked
def dropout2d(input, p=0.5, training=True, inplace=False, *, generator=None):
    """Dropout of whole channels: input (n, c, h, w) or (c, h, w)."""
    if input.ndim not in (3, 4):
        raise InputError("dropout2d", "input", "of shape (n, c, h, w) or (c, h, w)", f"shape {tuple(input.shape)}")
    return _drop("dropout2d", input, p, training, (*input.shape[:-2], 1, 1), generator)


@checked
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x / max(||x||_p, eps) along dim."""
    check_float("normalize", input)
    return input / E.clamp(R.norm(input, p=p, axis=dim, keepdims=True), min=eps)
