"""The functions that torch has at its top level: minicnn.exp(x), minicnn.cat([a, b]), minicnn.einsum(...)."""

from .errors import InputError
from .ops.arrange import (
    cat,
    chunk,
    clamp,
    expand,
    flatten,
    flip,
    gather,
    index_select,
    max,
    mean,
    min,
    permute,
    repeat,
    reshape,
    roll,
    sort,
    split,
    squeeze,
    stack,
    topk,
    transpose,
    tril,
    triu,
    unbind,
    unsqueeze,
)
from .ops.elementwise import (
    abs,
    add,
    ceil,
    cos,
    div,
    eq,
    erf,
    exp,
    expm1,
    floor,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    logical_and,
    logical_not,
    logical_or,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,
    reciprocal,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    sub,
    tan,
    tanh,
    where,
)
from .ops.linalg import einsum, matmul, outer
from .tensor import Tensor

__all__ = [
    "cat", "chunk", "clamp", "expand", "flatten", "flip", "gather", "index_select", "max", "mean", "min", "permute",
    "repeat", "reshape", "roll", "sort", "split", "squeeze", "stack", "topk", "transpose", "tril", "triu", "unbind",
    "unsqueeze", "abs", "add", "ceil", "cos", "div", "eq", "erf", "exp", "expm1", "floor", "ge", "gt", "isfinite", "isinf",
    "isnan", "le", "log", "log1p", "log2", "logical_and", "logical_not", "logical_or", "lt", "maximum", "minimum", "mul",
    "ne", "neg", "pow", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sqrt", "square", "sub", "tan", "tanh",
    "where", "einsum", "matmul", "outer", "sum", "prod", "var", "std", "amax", "amin", "argmax", "argmin", "any", "all",
    "cumsum", "logsumexp", "softmax", "log_softmax", "norm", "allclose",
]

# Reductions at the top level are the methods of Tensor, called with the tensor as first argument.
sum, prod, var, std, norm = Tensor.sum, Tensor.prod, Tensor.var, Tensor.std, Tensor.norm
amax, amin, argmax, argmin = Tensor.amax, Tensor.amin, Tensor.argmax, Tensor.argmin
any, all, cumsum, logsumexp = Tensor.any, Tensor.all, Tensor.cumsum, Tensor.logsumexp
softmax, log_softmax = Tensor.softmax, Tensor.log_softmax


def allclose(input, other, rtol=1e-5, atol=1e-8):
    """True if |input - other| <= atol + rtol |other| for every entry."""
    for name, x in (("input", input), ("other", other)):
        if not isinstance(x, Tensor):
            raise InputError("allclose", name, "a Tensor", type(x).__name__)
    return bool((abs(input - other) <= atol + rtol * abs(other)).all())
