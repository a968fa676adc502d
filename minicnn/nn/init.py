"""Initial values of weights: each function fills a tensor in place and returns it, and records nothing.

`generator` is a minicnn.backend.Generator; None means the default one.
"""

import math
from contextlib import contextmanager

from ..autograd import Traced
from ..backend import default_generator, xp_of
from ..errors import InputError
from ..ops.checks import FINITE, SCALAR, checked

__all__ = [
    "no_init", "calculate_gain", "uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_",
    "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "sparse_",
]

RULES = {**dict.fromkeys(("mean", "std", "a", "b", "gain", "sparsity"), FINITE), "val": SCALAR}
_drawing = True  # False inside no_init()


@contextmanager
def no_init():
    """Random initial values are left out: zeros in their place. `with nn.init.no_init(): model = resnet50()`.

    Drawing them takes most of the time that making a large model takes, and is for nothing if weights are loaded next.
    """
    global _drawing
    before, _drawing = _drawing, False
    try:
        yield
    finally:
        _drawing = before


def _array_of(function, tensor, floating=True):
    """The array of `tensor`, which must be a tensor, of floats where random numbers go in."""
    if not isinstance(tensor, Traced):
        raise InputError(function, "tensor", "a Tensor", type(tensor).__name__)
    if floating and tensor._data.dtype.kind != "f":
        raise InputError(function, "tensor", "of floating-point numbers", f"dtype {tensor._data.dtype}")
    return tensor._data


def _fill(tensor, values):
    """Write `values` into the tensor and tell the engine."""
    tensor._data[...] = values
    tensor._watch().bump()
    return tensor


def _fans(function, tensor):
    """How many inputs one output entry is summed from, and how many outputs one input entry goes into.

    Weights are (out, in) or (out, in / groups, kh, kw), so the fans are shape[1] * kh * kw and shape[0] * kh * kw.
    """
    shape = _array_of(function, tensor).shape
    if len(shape) < 2:
        raise InputError(function, "tensor", "of at least 2 dimensions (out, in, ...)", f"shape {tuple(shape)}",
                         "A bias has no fan-in: use zeros_ or constant_")
    area = math.prod(shape[2:])
    return shape[1] * area, shape[0] * area


def calculate_gain(nonlinearity, param=None):
    """The factor by which weights must be larger so that variance survives the nonlinearity.

    1 for linear, convolutions and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + slope^2)) for leaky_relu with
    slope `param` (0.01), 3/4 for selu. The last and tanh's are empirical, as in torch.
    """
    if isinstance(nonlinearity, str) and nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise InputError("calculate_gain", "param", "a number, the negative slope", repr(param))
        return math.sqrt(2 / (1 + slope**2))
    convolutions = [f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3)]
    gains = dict.fromkeys(["linear", "sigmoid", *convolutions], 1.0)
    gains.update({"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4})
    if not isinstance(nonlinearity, str) or nonlinearity not in gains:
        raise InputError("calculate_gain", "nonlinearity", f"one of {[*gains, 'leaky_relu']}", repr(nonlinearity))
    return gains[nonlinearity]


# ---------------------------------------------------------------------------------------- plain distributions

@checked(**RULES)
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Entries uniform on [a, b)."""
    x = _array_of("uniform_", tensor)
    if not a <= b:
        raise InputError("uniform_", "a, b", "an interval with a <= b", f"{a}, {b}")
    if not _drawing:
        return _fill(tensor, 0)
    return _fill(tensor, (generator or default_generator()).uniform(x.shape, a, b, dtype=x.dtype, xp=xp_of(x)))


@checked(**RULES)
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Entries from the normal law N(mean, std^2)."""
    x = _array_of("normal_", tensor)
    if not std >= 0:
        raise InputError("normal_", "std", "a number >= 0", std)
    if not _drawing:
        return _fill(tensor, 0)
    return _fill(tensor, (generator or default_generator()).normal(x.shape, mean, std, dtype=x.dtype, xp=xp_of(x)))


@checked(**RULES)
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Entries from N(mean, std^2) given that they lie in [a, b]; a and b are values, not multiples of std."""
    x = _array_of("trunc_normal_", tensor)
    if not std > 0:
        raise InputError("trunc_normal_", "std", "a number > 0", std)
    if not a < b:
        raise InputError("trunc_normal_", "a, b", "an interval with a < b", f"{a}, {b}")
    if not _drawing:
        return _fill(tensor, 0)
    xp, generator = xp_of(x), generator or default_generator()
    low, high = x.dtype.type(a), x.dtype.type(b)
    inside = (math.erf((b - mean) / (std * math.sqrt(2))) - math.erf((a - mean) / (std * math.sqrt(2)))) / 2

    def propose():
        """Candidates, and which of them to accept."""
        if inside > 0.3:
            y = generator.normal(x.shape, mean, std, dtype=x.dtype, xp=xp)
            return y, (y >= low) & (y <= high)
        # few normal draws would fall into [a, b]: take uniform ones there, each with probability density / peak density
        y = xp.clip(generator.uniform(x.shape, a, b, dtype=x.dtype, xp=xp), low, high)
        peak = min(max(mean, a), b)
        log_ratio = ((peak - mean) / std) ** 2 / 2 - ((y - mean) / std) ** 2 / 2
        return y, generator.uniform(x.shape, dtype=x.dtype, xp=xp) < xp.exp(log_ratio)

    values, done = propose()
    while not bool(done.all()):
        again, accepted = propose()
        values = xp.where(done, values, again)
        done |= accepted
    return _fill(tensor, values)


@checked(**RULES)
def constant_(tensor, val):
    """All entries `val`."""
    _array_of("constant_", tensor, floating=False)
    return _fill(tensor, val)


@checked(**RULES)
def ones_(tensor):
    """All entries 1."""
    return constant_(tensor, 1)


@checked(**RULES)
def zeros_(tensor):
    """All entries 0."""
    return constant_(tensor, 0)


# ------------------------------------------------------------------------------- variance-preserving random weights

@checked(**RULES)
def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform on [-r, r], r = gain sqrt(6 / (fan_in + fan_out)): variance 2 gain^2 / (fan_in + fan_out).

    Source: Glorot and Bengio 2010, eq. 16.
    """
    bound = gain * math.sqrt(6 / max(sum(_fans("xavier_uniform_", tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


@checked(**RULES)
def xavier_normal_(tensor, gain=1.0, generator=None):
    """N(0, 2 gain^2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010, eq. 12."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(sum(_fans("xavier_normal_", tensor)), 1)), generator)


def _kaiming_std(function, tensor, a, mode, nonlinearity):
    """gain / sqrt(fan)."""
    if not isinstance(mode, str) or mode not in ("fan_in", "fan_out"):
        raise InputError(function, "mode", "'fan_in' or 'fan_out'", repr(mode))
    fan = _fans(function, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


@checked(a=FINITE)
def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform on [-r, r], r = sqrt(3) gain / sqrt(fan): variance gain^2 / fan. `a` is leaky_relu's negative slope.

    fan_in keeps the variance of the activations from layer to layer, fan_out that of the gradients. Source: He et al.
    2015 ("Delving deep into rectifiers"), eq. 10, 14, 15.
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@checked(a=FINITE)
def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """N(0, gain^2 / fan): 2 / fan_in by default, as relu wants. `a` is leaky_relu's negative slope.

    Source: He et al. 2015, eq. 10, 14, 15.
    """
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


# ------------------------------------------------------------------------------------------- structured weights

@checked(**RULES)
def orthogonal_(tensor, gain=1, generator=None):
    """gain times a random matrix with orthonormal rows, or columns if there are fewer of them; dimensions 1, 2, ...
    count as columns.

    Q of the QR decomposition of a normal matrix, with signs such that R's diagonal is positive, is uniform among the
    orthogonal matrices (Mezzadri 2007). Source: Saxe et al. 2014.
    """
    x = _array_of("orthogonal_", tensor)
    if x.ndim < 2:
        raise InputError("orthogonal_", "tensor", "of at least 2 dimensions", f"shape {tuple(x.shape)}")
    if x.size == 0:
        return tensor
    if not _drawing:
        return _fill(tensor, 0)
    xp, rows = xp_of(x), x.shape[0]
    columns = x.size // rows
    shape = (max(rows, columns), min(rows, columns))
    q, r = xp.linalg.qr((generator or default_generator()).normal(shape, dtype="float64", xp=xp))
    q *= xp.where(xp.diagonal(r) < 0, -1.0, 1.0)
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(x.shape))


@checked(**RULES)
def eye_(tensor):
    """Ones on the diagonal of a matrix, zeros elsewhere: a Linear layer that passes its input on."""
    x = _array_of("eye_", tensor, floating=False)
    if x.ndim != 2:
        raise InputError("eye_", "tensor", "of 2 dimensions", f"shape {tuple(x.shape)}")
    return _fill(tensor, xp_of(x).eye(*x.shape, dtype=x.dtype))


@checked(**RULES)
def dirac_(tensor, groups=1):
    """A convolution weight that passes on as many channels (of each group) as it can: 1 at the kernel's middle."""
    x = _array_of("dirac_", tensor, floating=False)
    if x.ndim not in (3, 4, 5):
        raise InputError("dirac_", "tensor", "of 3, 4 or 5 dimensions", f"shape {tuple(x.shape)}")
    if not isinstance(groups, int) or groups < 1 or x.shape[0] % groups:
        raise InputError("dirac_", "groups", f"a divisor of the {x.shape[0]} output channels", groups)
    x[...] = 0
    if x.size == 0:
        return tensor
    middle = tuple(k // 2 for k in x.shape[2:])
    per_group = x.shape[0] // groups
    for start in range(0, x.shape[0], per_group):
        for channel in range(min(per_group, x.shape[1])):
            x[(start + channel, channel, *middle)] = 1
    tensor._watch().bump()
    return tensor


@checked(**RULES)
def sparse_(tensor, sparsity, std=0.01, generator=None):
    """N(0, std^2), then ceil(sparsity rows) random entries of each column set to 0. Source: Martens 2010, section 5."""
    x = _array_of("sparse_", tensor)
    if x.ndim != 2:
        raise InputError("sparse_", "tensor", "of 2 dimensions", f"shape {tuple(x.shape)}")
    if not 0 <= sparsity <= 1:
        raise InputError("sparse_", "sparsity", "a fraction between 0 and 1", sparsity)
    generator = generator or default_generator()
    normal_(tensor, 0.0, std, generator)
    for column in range(x.shape[1]):
        for row in generator.permutation(x.shape[0])[: math.ceil(sparsity * x.shape[0])]:
            x[int(row), column] = 0
    tensor._watch().bump()
    return tensor
