"""Element-wise primitives: a table of derivatives, each rule right beneath its function.

Broadcasting follows NumPy; the engine sums a cotangent back to its argument's shape. u and v below are inputs, y the
result, g = dL/dy.
"""

import operator

import numpy as np

from ..autograd import Traced, primitive
from ..backend import xp_of
from ..kernels import channel_norm, normal, pointwise
from ..kernels.buffers import empty_like, is_channels_last
from .special import erf as _erf_values

__all__ = [
    "add", "sub", "mul", "mul_mask", "div", "neg", "pow", "square", "abs", "exp", "expm1", "log", "log1p", "log2", "sqrt", "rsqrt",
    "sin", "cos", "tan", "tanh", "sigmoid", "softplus", "erf", "reciprocal", "maximum", "minimum", "clamp", "where",
    "sign", "floor", "ceil", "round", "relu", "gate", "leaky_relu", "elu", "silu", "gelu", "hardtanh", "prelu",
    "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "logical_and", "logical_or", "logical_not",
]

# ------------------------------------------------------------------------------------------------- arithmetic


@primitive
def add(u, v):
    """y = u + v."""
    if pointwise.large(u) and type(v) is np.ndarray:
        if u.ndim == 4 and v.shape == (1, u.shape[1], 1, 1) and u.dtype == v.dtype and is_channels_last(u):
            return channel_norm.shift(u, v.reshape(-1))  # a bias per channel
        return pointwise.binary(np.add, u, v)
    return u + v if type(u) is np.ndarray else pointwise.keeping_layout(operator.add, u, v)


@primitive
def sub(u, v):
    """y = u - v."""
    return u - v


@primitive
def mul(u, v):
    """y = u v."""
    if pointwise.large(u):
        if type(v) is np.ndarray:
            return pointwise.binary(np.multiply, u, v)
        if type(v) is float and u.dtype.kind == "f":
            return np.multiply(u, v, out=empty_like(u))
    return u * v


@primitive
def mul_mask(x, *, mask):
    """y = x mask, for a mask that the caller made and nobody else can write into (so that it need not be copied)."""
    if pointwise.large(x) and type(mask) is np.ndarray:
        return pointwise.binary(np.multiply, x, mask)
    return x * mask if type(x) is np.ndarray else pointwise.keeping_layout(operator.mul, x, mask)


mul_mask.defvjp(x=lambda g, mask: mul_mask(g, mask=mask))


@primitive
def div(u, v):
    """y = u / v; integers divide to floats."""
    return u / v


@primitive
def neg(x):
    """y = -x."""
    return -x


@primitive
def where(condition, u, v):
    """y = u where the condition holds, v elsewhere; constant in the condition."""
    return xp_of(condition, u, v).where(condition, u, v)


add.defvjp(u=lambda g: g, v=lambda g: g)
Traced._sum = staticmethod(add)
sub.defvjp(u=lambda g: g, v=lambda g: -g)
mul.defvjp(u=lambda g, v: g * v, v=lambda g, u: g * u)
div.defvjp(u=lambda g, v: g / v, v=lambda g, y, v: -g * y / v)
neg.defvjp(x=lambda g: -g)
where.defvjp(
    condition=None,
    u=lambda g, condition: where(condition, g, 0.0),
    v=lambda g, condition: where(condition, 0.0, g),
)


@primitive
def square(x):
    """y = x^2."""
    return x * x


square.defvjp(x=lambda g, x: g * (2 * x))


@primitive
def pow(u, v):
    """y = u^v. For v a Python number 0, 1, 2, 3 by multiplication: NumPy's float32 `x**3` is some 200 times slower."""
    if type(v) in (int, float):
        if v == 3:
            return u * u * u
        if v == 2:
            return u * u
    return u**v


def _pow_base(g, u, v):
    """v u^(v-1), and 0 where v = 0, also at u = 0."""
    if type(v) in (int, float):
        return g * 0 if v == 0 else g * v * pow(u, v - 1)
    return g * where(v == 0, 0.0, v * pow(u, where(v == 0, 1.0, v - 1)))


def _pow_exponent(g, y, u, v):
    """u^v log u, and 0 at u = 0 for v >= 0, its limit."""
    zero = (u == 0) & (v >= 0)
    return g * where(zero, 0.0, y * log(where(zero, 1.0, u)))


pow.defvjp(u=_pow_base, v=_pow_exponent)


@primitive
def reciprocal(x):
    """y = 1 / x."""
    return 1 / x


reciprocal.defvjp(x=lambda g, y: -g * (y * y))

# ------------------------------------------------------------------------------------- exponentials and their kin


@primitive
def exp(x):
    """y = e^x."""
    return pointwise.mapped(xp_of(x).exp, x)


@primitive
def expm1(x):
    """y = e^x - 1, accurate near 0."""
    return xp_of(x).expm1(x)


@primitive
def log(x):
    """y = ln x."""
    return xp_of(x).log(x)


@primitive
def log1p(x):
    """y = ln(1 + x), accurate near 0."""
    return xp_of(x).log1p(x)


@primitive
def log2(x):
    """y = log of x to base 2."""
    return xp_of(x).log2(x)


@primitive
def sqrt(x):
    """y = sqrt(x); the derivative at 0 is infinite."""
    return xp_of(x).sqrt(x)


@primitive
def rsqrt(x):
    """y = 1 / sqrt(x)."""
    return 1 / xp_of(x).sqrt(x)


exp.defvjp(x=lambda g, y: g * y)
expm1.defvjp(x=lambda g, y: g * (y + 1))
log.defvjp(x=lambda g, x: g / x)
log1p.defvjp(x=lambda g, x: g / (1 + x))
log2.defvjp(x=lambda g, x: g / (x * float(np.log(2))))
sqrt.defvjp(x=lambda g, y: g / (2 * y))
rsqrt.defvjp(x=lambda g, y: g * (-0.5) * (y * y * y))


@primitive
def sin(x):
    """y = sin x."""
    return xp_of(x).sin(x)


@primitive
def cos(x):
    """y = cos x."""
    return xp_of(x).cos(x)


@primitive
def tan(x):
    """y = tan x."""
    return xp_of(x).tan(x)


@primitive
def tanh(x):
    """y = tanh x."""
    return pointwise.mapped(xp_of(x).tanh, x)


@primitive
def sigmoid(x):
    """y = 1 / (1 + e^-x), computed as (1 + tanh(x/2)) / 2, which cannot overflow."""
    return pointwise.mapped(_logistic, x, fused="sigmoid")


def _logistic(x):
    return 0.5 * xp_of(x).tanh(0.5 * x) + 0.5


@primitive
def softplus(x, *, beta=1.0):
    """y = ln(1 + e^(beta x)) / beta, without overflow."""
    return xp_of(x).logaddexp(beta * x, 0 * x) / beta


@primitive
def erf(x):
    """y = 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    return pointwise.mapped(_erf_values, x)


sin.defvjp(x=lambda g, x: g * cos(x))
cos.defvjp(x=lambda g, x: -g * sin(x))
tan.defvjp(x=lambda g, y: g * (1 + y * y))
tanh.defvjp(x=lambda g, y: pointwise.mapped(lambda g, y: g * (1 - y * y), g, y, fused="tanh_slope"))
sigmoid.defvjp(x=lambda g, y: pointwise.mapped(lambda g, y: g * (y * (1 - y)), g, y, fused="sigmoid_slope"))
softplus.defvjp(x=lambda g, x, beta: g * sigmoid(beta * x))
erf.defvjp(x=lambda g, x: g * (1.1283791670955126 * exp(-(x * x))))  # 2 / sqrt(pi)

# ------------------------------------------------------------------------------ kinked and piecewise functions


@primitive
def abs(x):
    """y = |x|; derivative sign(x), taken as 0 at 0."""
    return xp_of(x).abs(x)


@primitive
def sign(x):
    """y = -1, 0 or 1; locally constant."""
    return xp_of(x).sign(x)


@primitive
def floor(x):
    """The largest integer <= x; locally constant."""
    return xp_of(x).floor(x)


@primitive
def ceil(x):
    """The smallest integer >= x; locally constant."""
    return xp_of(x).ceil(x)


@primitive
def round(x, *, decimals=0):
    """The nearest integer (halves to even), or the nearest multiple of 10^-decimals; locally constant."""
    return xp_of(x).round(x, decimals)


@primitive
def maximum(u, v):
    """y = max(u, v); at a tie each gets half of the gradient."""
    return xp_of(u, v).maximum(u, v)


@primitive
def minimum(u, v):
    """y = min(u, v); at a tie each gets half of the gradient."""
    return xp_of(u, v).minimum(u, v)


@primitive
def clamp(x, *, min=None, max=None):
    """y = min(max(x, lower), upper); the gradient passes where lower <= x <= upper."""
    xp = xp_of(x)
    if min is not None:
        x = xp.maximum(x, x.dtype.type(min))
    if max is not None:
        x = xp.minimum(x, x.dtype.type(max))
    return x


def _share(g, u, v, wins):
    """The part of g that goes to the winner: all where it wins, half at a tie."""
    return g * where(wins, 1.0, where(u == v, 0.5, 0.0))


def _clamp_rule(g, x, min, max):
    inside = x == x
    if min is not None:
        inside = inside & (x >= min)
    if max is not None:
        inside = inside & (x <= max)
    return g * inside


abs.defvjp(x=lambda g, x: g * sign(x))
sign.defvjp(x=None)
floor.defvjp(x=None)
ceil.defvjp(x=None)
round.defvjp(x=None)
maximum.defvjp(u=lambda g, u, v: _share(g, u, v, u > v), v=lambda g, u, v: _share(g, u, v, v > u))
minimum.defvjp(u=lambda g, u, v: _share(g, u, v, u < v), v=lambda g, u, v: _share(g, u, v, v < u))
clamp.defvjp(x=_clamp_rule)


@primitive
def relu(x):
    """y = max(x, 0); derivative 0 at 0."""
    return pointwise.relu(x)


@primitive
def gate(g, opener):
    """g where opener > 0, zero elsewhere; locally constant in the opener."""
    return pointwise.gate(g, opener)


@primitive
def leaky_relu(x, *, negative_slope=0.01):
    """y = x for x > 0, a x otherwise (a the negative slope)."""
    return x * _slopes(x, negative_slope)


@primitive
def prelu(x, a):
    """y = max(x, 0) + a min(x, 0), a broadcast against x (He et al. 2015a, eq. 1)."""
    xp = xp_of(x)
    zero = x.dtype.type(0)
    return xp.maximum(x, zero) + a * xp.minimum(x, zero)


@primitive
def elu(x, *, alpha=1.0):
    """y = x for x > 0, alpha (e^x - 1) otherwise."""
    xp = xp_of(x)
    zero = x.dtype.type(0)
    return xp.maximum(x, zero) + alpha * xp.expm1(xp.minimum(x, zero))


@primitive
def hardtanh(x, *, min_val=-1.0, max_val=1.0):
    """y = min(max(x, min_val), max_val); the gradient passes strictly inside."""
    return xp_of(x).clip(x, min_val, max_val)


@primitive
def silu(x):
    """y = x sigmoid(x)."""
    return pointwise.mapped(lambda x: x * _logistic(x), x, fused="silu")


@primitive
def gelu(x, *, approximate="none"):
    """y = x Phi(x), Phi the normal distribution function; approximate='tanh': Phi by a tanh (Hendrycks, Gimpel 2016)."""
    if approximate == "none" and normal.applies(x):
        return normal.gelu(x)
    return pointwise.mapped(lambda x: x * _normal_cdf(x, approximate), x, fused=_FUSED_GELU[approximate])


def _slopes(x, negative_slope):
    """1 where x > 0, the negative slope elsewhere."""
    positive = (x > 0) * x.dtype.type(1)
    return positive + (1 - positive) * negative_slope


_TANH_SCALE, _TANH_CUBE = 0.7978845608028654, 0.044715  # sqrt(2 / pi), and the paper's constant
_FUSED_GELU = {"none": "gelu", "tanh": "gelu_tanh"}  # kernels on a GPU


def _normal_cdf(x, approximate):
    if approximate == "tanh":
        return 0.5 * tanh(_TANH_SCALE * (x + _TANH_CUBE * (x * x * x))) + 0.5
    return 0.5 * erf(x * 0.7071067811865476) + 0.5


def _gelu_rule(g, x, approximate):
    if approximate == "none" and normal.applies(g, x):
        return normal.gelu_slope(g, x)
    return pointwise.mapped(lambda g, x: _gelu_slope(g, x, approximate), g, x, fused=f"{_FUSED_GELU[approximate]}_slope")


def _gelu_slope(g, x, approximate):
    """g times Phi(x) + x Phi'(x)."""
    cdf = _normal_cdf(x, approximate)
    if approximate == "tanh":
        inner = _TANH_SCALE * (1 + 3 * _TANH_CUBE * (x * x))
        return g * (cdf + x * (2 * cdf * (1 - cdf)) * inner)
    return g * (cdf + x * (0.3989422804014327 * exp(-0.5 * (x * x))))


def _silu_rule(g, x):
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


relu.defvjp(x=lambda g, y: gate(g, y))
gate.defvjp(g=lambda g, opener: gate(g, opener), opener=None)
leaky_relu.defvjp(x=lambda g, x, negative_slope: where(x > 0, g, g * negative_slope))
prelu.defvjp(x=lambda g, x, a: g * where(x > 0, 1.0, a), a=lambda g, x: g * minimum(x, 0.0))
elu.defvjp(x=lambda g, x, alpha: g * where(x > 0, 1.0, alpha * exp(minimum(x, 0.0))))
hardtanh.defvjp(x=lambda g, x, min_val, max_val: g * ((x > min_val) & (x < max_val)))
silu.defvjp(x=lambda g, x: pointwise.mapped(_silu_rule, g, x, fused="silu_slope"))
gelu.defvjp(x=_gelu_rule)

# ------------------------------------------------------------------------------------- comparisons: no gradient


def _constant(name, function, doc):
    function.__name__, function.__doc__ = name, doc
    made = primitive(function)
    made.defvjp(**{argument: None for argument in made.arg_names})
    return made


eq = _constant("eq", lambda u, v: u == v, "u = v, as booleans.")
ne = _constant("ne", lambda u, v: u != v, "u differs from v, as booleans.")
lt = _constant("lt", lambda u, v: u < v, "u < v, as booleans.")
le = _constant("le", lambda u, v: u <= v, "u <= v, as booleans.")
gt = _constant("gt", lambda u, v: u > v, "u > v, as booleans.")
ge = _constant("ge", lambda u, v: u >= v, "u >= v, as booleans.")
isnan = _constant("isnan", lambda x: xp_of(x).isnan(x), "Where x is not a number.")
isinf = _constant("isinf", lambda x: xp_of(x).isinf(x), "Where x is infinite.")
isfinite = _constant("isfinite", lambda x: xp_of(x).isfinite(x), "Where x is neither NaN nor infinite.")
logical_and = _constant("logical_and", lambda u, v: xp_of(u, v).logical_and(u, v), "u and v.")
logical_or = _constant("logical_or", lambda u, v: xp_of(u, v).logical_or(u, v), "u or v.")
logical_not = _constant("logical_not", lambda x: xp_of(x).logical_not(x), "not x.")
