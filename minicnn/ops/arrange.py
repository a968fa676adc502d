"""PyTorch's functions for shapes, pieces and order, checked and then said in primitives. They take tensors or arrays."""

import builtins
import math

import numpy as np

from ..autograd import broadcast_to, raw
from ..backend import on_host, xp_of
from ..errors import InputError
from . import elementwise as E
from . import reduce as R
from . import shape as S
from .checks import NUMBER, checked, describe, ints

__all__ = [
    "reshape", "flatten", "permute", "transpose", "unsqueeze", "squeeze", "expand", "repeat", "flip", "roll", "cat",
    "stack", "split", "chunk", "unbind", "gather", "index_select", "sort", "topk", "max", "min", "mean", "clamp",
    "pad", "one_hot", "tril", "triu", "axis_of",
]


def axis_of(function, dim, ndim, name="dim"):
    """`dim` as an axis from 0 to ndim - 1."""
    top = ndim if ndim else 1
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or not -top <= dim < top:
        raise InputError(function, name, f"an int from {-top} to {top - 1} for {ndim} dimensions", repr(dim))
    return int(dim) % top


@checked
def reshape(x, shape):
    """The same entries in another shape; at most one length may be -1."""
    shape = ints("reshape", "shape", shape)
    known = math.prod(n for n in shape if n != -1)
    size = math.prod(x.shape)
    if shape.count(-1) > 1 or builtins.min(shape, default=0) < -1 or (
        known != size if -1 not in shape else known == 0 or size % known
    ):
        raise InputError("reshape", "shape", f"lengths with product {size} (shape {tuple(x.shape)}), at most one -1", shape)
    return S.reshape(x, shape=shape)


@checked
def flatten(x, start_dim=0, end_dim=-1):
    """Axes start_dim to end_dim (inclusive) as one."""
    n = len(x.shape)
    first, last = axis_of("flatten", start_dim, n, "start_dim"), axis_of("flatten", end_dim, n, "end_dim")
    if first > last:
        raise InputError("flatten", "start_dim", "not after end_dim", (start_dim, end_dim))
    return S.reshape(x, shape=(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


@checked
def permute(x, dims):
    """Axes in a new order."""
    axes = tuple(axis_of("permute", d, len(x.shape), "dims") for d in ints("permute", "dims", dims))
    if sorted(axes) != list(range(len(x.shape))):
        raise InputError("permute", "dims", f"each of the {len(x.shape)} axes once", tuple(dims))
    return S.transpose(x, axes=axes)


@checked
def transpose(x, dim0, dim1):
    """Two axes exchanged."""
    n = len(x.shape)
    a, b = axis_of("transpose", dim0, n, "dim0"), axis_of("transpose", dim1, n, "dim1")
    order = list(range(n))
    if n:
        order[a], order[b] = b, a
    return S.transpose(x, axes=tuple(order))


@checked
def unsqueeze(x, dim):
    """A new axis of length 1 at `dim`."""
    a = axis_of("unsqueeze", dim, len(x.shape) + 1)
    return S.reshape(x, shape=(*x.shape[:a], 1, *x.shape[a:]))


@checked
def squeeze(x, dim=None):
    """Without the axes of length 1: all of them, or the named ones (others stay)."""
    n = len(x.shape)
    dims = range(n) if dim is None else [dim] if isinstance(dim, int) else ints("squeeze", "dim", dim)
    drop = {axis_of("squeeze", d, n) for d in dims if n}
    return S.reshape(x, shape=tuple(m for i, m in enumerate(x.shape) if i not in drop or m != 1))


@checked
def expand(x, shape):
    """x stretched along axes of length 1 and new leading axes; -1 keeps a length."""
    shape = ints("expand", "shape", shape)
    extra = len(shape) - len(x.shape)
    if extra < 0:
        raise InputError("expand", "shape", f"at least {len(x.shape)} lengths", shape)
    full = tuple(x.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(shape))
    if any(n < 0 for n in full) or any(m not in (1, n) for m, n in zip(x.shape, full[extra:])):
        raise InputError("expand", "shape", f"one that {tuple(x.shape)} can be stretched to", shape)
    return broadcast_to(x, shape=full)


@checked
def repeat(x, sizes):
    """sizes[i] copies of x side by side along axis i; new axes come in front."""
    sizes = ints("repeat", "sizes", sizes)
    if len(sizes) < len(x.shape) or builtins.min(sizes, default=0) < 0:
        raise InputError("repeat", "sizes", f"at least {len(x.shape)} numbers >= 0", sizes)
    shape = (1,) * (len(sizes) - len(x.shape)) + tuple(x.shape)
    apart = S.reshape(x, shape=[m for n in shape for m in (1, n)])
    wide = broadcast_to(apart, shape=tuple(m for r, n in zip(sizes, shape) for m in (r, n)))
    return S.reshape(wide, shape=tuple(r * n for r, n in zip(sizes, shape)))


@checked
def flip(x, dims):
    """Entries in reverse order along the axes."""
    dims = (dims,) if isinstance(dims, int) else ints("flip", "dims", dims)
    return S.flip(x, axis=tuple(axis_of("flip", d, len(x.shape), "dims") for d in dims))


@checked
def roll(x, shifts, dims=None):
    """Entries moved on by `shifts` along `dims`, round the end to the start; without dims, in the flattened tensor."""
    if dims is None:
        if not isinstance(shifts, int):
            raise InputError("roll", "shifts", "an int when dims are left out", describe(shifts))
        return S.reshape(S.roll(S.reshape(x, shape=(-1,)), shift=shifts, axis=0), shape=x.shape)
    pair = (dims,) if isinstance(dims, int) else ints("roll", "dims", dims)
    steps = (shifts,) if isinstance(shifts, int) else ints("roll", "shifts", shifts)
    if len(pair) != len(steps):
        raise InputError("roll", "shifts", f"one per axis in dims ({len(pair)})", shifts)
    return S.roll(x, shift=steps, axis=tuple(axis_of("roll", d, len(x.shape), "dims") for d in pair))


def _sequence(function, tensors):
    if not isinstance(tensors, (list, tuple)) or not tensors:
        raise InputError(function, "tensors", "a non-empty list or tuple of tensors", f"{type(tensors).__name__} {tensors!r}"[:80])
    for place, t in enumerate(tensors):
        if not hasattr(t, "shape") or not hasattr(t, "dtype"):
            raise InputError(function, f"tensors[{place}]", "a Tensor", describe(t))
    return tensors


def cat(tensors, dim=0):
    """Tensors one after another along an existing axis; all other lengths must agree."""
    tensors = _sequence("cat", tensors)
    axis = axis_of("cat", dim, len(tensors[0].shape))
    shapes = [tuple(t.shape) for t in tensors]
    if len({(*s[:axis], *s[axis + 1 :]) + (len(s),) for s in shapes}) > 1 or not shapes[0]:
        raise InputError("cat", "tensors", f"of shapes that agree except along dim {axis}", shapes)
    return S.concatenate(*tensors, axis=axis)


def stack(tensors, dim=0):
    """Tensors of one shape side by side along a new axis."""
    tensors = _sequence("stack", tensors)
    shapes = [tuple(t.shape) for t in tensors]
    if len(set(shapes)) > 1:
        raise InputError("stack", "tensors", "all of one shape", shapes)
    return S.stack(*tensors, axis=axis_of("stack", dim, len(shapes[0]) + 1))


@checked
def split(x, split_size, dim=0):
    """Pieces of `split_size` (the last may be smaller), or of the sizes in a list, as views."""
    axis, sizes = axis_of("split", dim, len(x.shape)), split_size
    total = x.shape[axis]
    if isinstance(split_size, int):
        if split_size < 1:
            raise InputError("split", "split_size", "a positive int or a list of sizes", split_size)
        sizes = [builtins.min(split_size, total - start) for start in range(0, total, split_size)] or [0]
    sizes = ints("split", "split_size", sizes)
    if sum(sizes) != total or any(n < 0 for n in sizes):
        raise InputError("split", "split_size", f"sizes that add up to {total}", split_size)
    ends = np.cumsum(sizes).tolist()
    return tuple(S.getitem(x, index=(slice(None),) * axis + (slice(e - n, e),)) for n, e in zip(sizes, ends))


@checked
def chunk(x, chunks, dim=0):
    """At most `chunks` pieces of equal size (the last may be smaller)."""
    if not isinstance(chunks, int) or chunks < 1:
        raise InputError("chunk", "chunks", "a positive int", chunks)
    total = x.shape[axis_of("chunk", dim, len(x.shape))]
    return split(x, builtins.max(1, -(-total // chunks)), dim)


@checked
def unbind(x, dim=0):
    """The slices along an axis, which disappears."""
    if not x.shape:
        raise InputError("unbind", "the tensor", "of at least one dimension", "a scalar")
    axis = axis_of("unbind", dim, len(x.shape))
    return tuple(S.getitem(x, index=(slice(None),) * axis + (i,)) for i in range(x.shape[axis]))


def _integers(function, index, bound):
    """An index as an array of its own, integers within -bound .. bound - 1."""
    array = raw(index)
    if not hasattr(array, "dtype") or array.dtype.kind not in "iu":
        raise InputError(function, "index", "a tensor of integers", getattr(array, "dtype", type(array).__name__))
    if on_host(array) and array.size and (int(array.min()) < 0 or int(array.max()) >= bound):
        raise InputError(function, "index", f"from 0 to {bound - 1}", f"values from {array.min()} to {array.max()}")
    return array.copy()


@checked
def gather(x, dim, index):
    """out[i][j] = x[index[i][j]][j] for dim 0, and so on for other axes."""
    axis = axis_of("gather", dim, len(x.shape))
    index = _integers("gather", index, x.shape[axis])
    if index.ndim != len(x.shape) or any(m > n for i, (m, n) in enumerate(zip(index.shape, x.shape)) if i != axis):
        raise InputError("gather", "index", f"of {len(x.shape)} dimensions, no longer than {tuple(x.shape)} but along dim {axis}",
                         f"shape {index.shape}")
    return S.gather(x, index=index, axis=axis)


@checked
def index_select(x, dim, index):
    """The slices of x along an axis that a vector of integers names."""
    axis = axis_of("index_select", dim, len(x.shape))
    return S.take(x, index=_integers("index_select", index, x.shape[axis]), axis=axis)


@checked
def sort(x, dim=-1, descending=False):
    """(values, indices) in order along an axis; equal entries keep their order. Values are differentiable."""
    axis = axis_of("sort", dim, len(x.shape))
    data = raw(x)
    if data.ndim == 0:
        return x, _like(x, xp_of(data).zeros((), dtype=np.int64))
    if descending:  # the stable order of the reversed array, read backwards, is stable for the largest first
        n = data.shape[axis]
        order = n - 1 - xp_of(data).flip(xp_of(data).argsort(xp_of(data).flip(data, axis), axis=axis, kind="stable"), axis)
    else:
        order = xp_of(data).argsort(data, axis=axis, kind="stable")
    return S.gather(x, index=order, axis=axis), _like(x, order)


@checked
def topk(x, k, dim=-1, largest=True):
    """(values, indices) of the k largest (or smallest) along an axis, in order."""
    axis = axis_of("topk", dim, len(x.shape))
    if not isinstance(k, int) or not 0 <= k <= (x.shape[axis] if x.shape else 1):
        raise InputError("topk", "k", f"from 0 to {x.shape[axis] if x.shape else 1}", k)
    values, order = sort(x, dim, descending=largest)
    if not x.shape:
        return values, order
    first = (slice(None),) * axis + (slice(0, k),)
    return S.getitem(values, index=first), S.getitem(order, index=first)


def _like(x, array):
    """An array as the kind of thing x is: a tensor for a tensor."""
    return x._result._make(array) if hasattr(x, "_result") else array


def _extreme(x, dim, keepdim, whole, find):
    if dim is None:
        return whole(x)
    axis = axis_of(find.name[3:], dim, len(x.shape))
    if x.shape and x.shape[axis] == 0:
        raise InputError(find.name[3:], "dim", "an axis that is not empty", f"shape {tuple(x.shape)}, dim {dim}")
    if not x.shape:
        return x, _like(x, xp_of(raw(x)).zeros((), dtype=np.int64))
    index = raw(find(x, axis=axis, keepdims=True))
    values = S.gather(x, index=index, axis=axis)
    if not keepdim:
        values, index = squeeze(values, axis), index.squeeze(axis)
    return values, _like(x, index)


@checked
def max(x, dim=None, keepdim=False):
    """The largest entry; with dim (values, indices), whose gradient goes to the first of equals."""
    return _extreme(x, dim, keepdim, R.amax, R.argmax)


@checked
def min(x, dim=None, keepdim=False):
    """The smallest entry; with dim (values, indices), whose gradient goes to the first of equals."""
    return _extreme(x, dim, keepdim, R.amin, R.argmin)


@checked
def mean(x, dim=None, keepdim=False):
    """Mean over one, several or all axes; floating-point only, as in PyTorch."""
    if raw(x).dtype.kind != "f":
        raise InputError("mean", "the tensor", "floating-point", f"dtype {raw(x).dtype}", "Convert it with .float()")
    return R.mean(x, axis=dim, keepdims=keepdim)


@checked
def clamp(x, min=None, max=None):
    """Entries below min become min, above max become max; at least one bound is needed."""
    if min is None and max is None:
        raise InputError("clamp", "min, max", "at least one number", "None, None")
    if hasattr(min, "shape") or hasattr(max, "shape"):
        x = x if min is None else E.maximum(x, min)
        return x if max is None else E.minimum(x, max)
    return E.clamp(x, min=min, max=max)


PAD_MODES = ("constant", "reflect", "replicate", "circular")


@checked(value=NUMBER)
def pad(input, pad, mode="constant", value=None):
    """Pad the last axes: pad = (before, after) of the last, then of the one before it, and so on, as in PyTorch.

    mode: 'constant' (with `value`, default 0; negative widths crop), 'reflect', 'replicate', 'circular'.
    """
    if not isinstance(pad, (tuple, list)):
        raise InputError("pad", "pad", "a tuple of ints, (before, after) of the last axis first", repr(pad))
    pad = tuple(pad)
    if not isinstance(mode, str) or mode not in PAD_MODES:
        raise InputError("pad", "mode", f"one of {', '.join(PAD_MODES)}", repr(mode))
    if len(pad) % 2 or len(pad) > 2 * len(input.shape) or not all(isinstance(n, (int, np.integer)) for n in pad):
        raise InputError("pad", "pad", f"an even number of ints, at most {2 * len(input.shape)}", pad)
    if mode != "constant" and value is not None:
        raise InputError("pad", "value", f"left out for mode {mode!r}", value)
    widths = [(0, 0)] * (len(input.shape) - len(pad) // 2) + [pad[i : i + 2] for i in range(len(pad) - 2, -1, -2)]
    return S.pad(input, widths=tuple(widths), mode=mode, value=value or 0.0)


@checked
def one_hot(input, num_classes=-1):
    """A new last axis with a 1 at each integer's place, int64; num_classes -1 means the largest integer plus one."""
    array = raw(input)
    if not hasattr(array, "dtype") or array.dtype.kind not in "iu":
        raise InputError("one_hot", "input", "a tensor of integers", getattr(array, "dtype", type(array).__name__))
    if num_classes == -1:
        if array.size == 0:
            raise InputError("one_hot", "num_classes", "given for an empty tensor", num_classes)
        num_classes = int(array.max()) + 1
    if on_host(array) and array.size and (int(array.min()) < 0 or int(array.max()) >= num_classes):
        raise InputError("one_hot", "input", f"from 0 to {num_classes - 1}", f"values from {array.min()} to {array.max()}")
    xp = xp_of(array)
    return _like(input, (array[..., None] == xp.arange(num_classes)).astype(np.int64))


def _matrix(function, x):
    if len(x.shape) < 2:
        raise InputError(function, "x", "of at least 2 dimensions", f"shape {tuple(x.shape)}")


@checked
def tril(x, diagonal=0):
    """The lower triangle of the last two axes, zeros above the diagonal."""
    _matrix("tril", x)
    return x * xp_of(raw(x)).tri(x.shape[-2], x.shape[-1], diagonal, dtype=raw(x).dtype)


@checked
def triu(x, diagonal=0):
    """The upper triangle of the last two axes, zeros below the diagonal."""
    _matrix("triu", x)
    return x * (1 - xp_of(raw(x)).tri(x.shape[-2], x.shape[-1], diagonal - 1, dtype=raw(x).dtype))
