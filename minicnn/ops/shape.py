"""Primitives that only move entries about: linear, so each comes with its adjoint, and the pairs undo each other's shape."""

from ..autograd import Part, Traced, broadcast_to, primitive, sum_to
from ..backend import scatter_add, to_device, xp_of
from ..errors import InputError
from ..kernels import buffers, join, pointwise

__all__ = [
    "reshape", "transpose", "broadcast_to", "sum_to", "flip", "roll", "concatenate", "stack", "getitem", "put_add",
    "copy", "move", "crop", "pad_zeros", "pad", "take", "take_add", "gather", "scatter_add_along",
]


@primitive(view=True)
def reshape(x, *, shape):
    """The same entries in another shape; one length may be -1."""
    return pointwise.reshape(x, shape)


reshape.defvjp(x=lambda g, x_shape: reshape(g, shape=x_shape))


@primitive(view=True)
def transpose(x, *, axes):
    """Axes in a new order: axis i of the result is axis axes[i] of x."""
    return x.transpose(axes)


def _inverse(axes):
    order = [a % len(axes) for a in axes]
    return tuple(order.index(i) for i in range(len(order)))


transpose.defvjp(x=lambda g, axes: transpose(g, axes=_inverse(axes)))


@primitive
def copy(x):
    """The same entries in memory of their own."""
    return x.copy()


copy.defvjp(x=lambda g: g)


@primitive
def move(x, *, device, source):
    """x on another device; the gradient travels back to `source`."""
    return to_device(x, device)


move.defvjp(x=lambda g, device, source: move(g, device=source, source=device))


@primitive(view=True)
def flip(x, *, axis):
    """Entries in reverse order along the axis or axes; its own adjoint."""
    return xp_of(x).flip(x, axis)


flip.defvjp(x=lambda g, axis: flip(g, axis=axis))


@primitive
def roll(x, *, shift, axis):
    """Entries moved on by `shift` places along the axis, round the end to the start; the adjoint rolls back."""
    return xp_of(x).roll(x, shift, axis)


def _minus(shift):
    return tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift


roll.defvjp(x=lambda g, shift, axis: roll(g, shift=_minus(shift), axis=axis))

# -------------------------------------------------------------------------------------------- joining, indexing


@primitive
def concatenate(*xs, axis=0):
    """Arrays one after another along an existing axis; the adjoint slices."""
    return join.concatenate(xs, axis) if join.applies(xs) else xp_of(*xs).concatenate(xs, axis=axis)


def _slice_of(g, i, shapes, axis):
    start = 0
    for shape in shapes[:i]:
        start += shape[axis]
    index = [slice(None)] * len(shapes[i])
    index[axis] = slice(start, start + shapes[i][axis])
    return getitem(g, index=tuple(index))


concatenate.defvjp_each(_slice_of)


@primitive
def stack(*xs, axis=0):
    """Arrays of one shape side by side along a new axis; the adjoint picks."""
    return xp_of(*xs).stack(xs, axis=axis)


def _pick(g, i, axis):
    axis = axis % len(g.shape)
    return getitem(g, index=(slice(None),) * axis + (i,))


stack.defvjp_each(_pick)


@primitive(view=True)
def getitem(x, *, index):
    """x[index], index as in NumPy: slices, integers, None, Ellipsis, boolean or integer arrays."""
    return x[index]


@primitive
def put_add(g, *, index, shape):
    """Zeros of `shape`, into which g is added at `index`; repeated places add up. The adjoint of getitem."""
    out = buffers.zeros(shape, g.dtype, xp_of(g))
    if _is_basic(index):
        out[index] = g  # slices and integers never repeat a place
        return out
    return scatter_add(out, index, g)


def _is_basic(index):
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, (slice, int)) for part in parts)


def _put_back(g, x_shape, index):
    return Part(g, index, x_shape) if not isinstance(g, Traced) and _is_basic(index) else put_add(g, index=index, shape=x_shape)


Traced._put = staticmethod(put_add)
getitem.defvjp(x=_put_back)
put_add.defvjp(g=lambda g, index: getitem(g, index=index))


@primitive
def gather(x, *, index, axis):
    """y[..., k, ...] = x[..., index[..., k, ...], ...]: entries picked along an axis (torch.gather)."""
    region = tuple(slice(0, n) for i, n in enumerate(index.shape) if i != axis % x.ndim)
    a = axis % x.ndim
    source = x[region[:a] + (slice(None),) + region[a:]] if x.ndim > 1 else x
    return xp_of(x).take_along_axis(source, index, axis)


@primitive
def scatter_add_along(g, *, index, axis, shape):
    """Zeros of `shape`, with g added where gather would have read; the adjoint of gather."""
    xp = xp_of(g)
    places = list(xp.meshgrid(*[xp.arange(n) for n in index.shape], indexing="ij", sparse=True))
    places[axis] = index
    return scatter_add(xp.zeros(shape, dtype=g.dtype), tuple(places), g)


gather.defvjp(x=lambda g, x_shape, index, axis: scatter_add_along(g, index=index, axis=axis, shape=x_shape))
scatter_add_along.defvjp(g=lambda g, index, axis: gather(g, index=index, axis=axis))


@primitive
def take(x, *, index, axis):
    """x's slices at the integers of a 1-d `index`, along an axis."""
    return xp_of(x).take(x, index, axis=axis)


@primitive
def take_add(g, *, index, axis, size):
    """Zeros with `size` slices along the axis, slice k of g added to slice index[k]; the adjoint of take."""
    xp, axis = xp_of(g), axis % g.ndim
    out = xp.zeros(g.shape[:axis] + (size,) + g.shape[axis + 1 :], dtype=g.dtype)
    return scatter_add(out, (slice(None),) * axis + (index,), g)


take.defvjp(x=lambda g, x_shape, index, axis: take_add(g, index=index, axis=axis, size=x_shape[axis]))
take_add.defvjp(g=lambda g, index, axis: take(g, index=index, axis=axis))

# ------------------------------------------------------------------------------------------------------ padding


@primitive
def pad_zeros(x, *, widths):
    """x with widths[i] = (before, after) zeros along axis i; the adjoint of crop."""
    out = xp_of(x).zeros([b + n + a for n, (b, a) in zip(x.shape, widths)], dtype=x.dtype)
    out[tuple(slice(b, b + n) for n, (b, _) in zip(x.shape, widths))] = x
    return out


@primitive(view=True)
def crop(x, *, widths):
    """x without its first widths[i][0] and last widths[i][1] entries along axis i; the adjoint of pad_zeros."""
    return x[tuple(slice(b, n - a) for n, (b, a) in zip(x.shape, widths))]


pad_zeros.defvjp(x=lambda g, widths: crop(g, widths=widths))
crop.defvjp(x=lambda g, widths: pad_zeros(g, widths=widths))


def _border_index(xp, n, before, after, mode):
    """For each place of a padded axis, which of the n entries it repeats."""
    k = xp.arange(-before, n + after)
    if mode == "circular":
        return k % n
    if mode == "replicate":
        return xp.clip(k, 0, n - 1)
    period = 2 * (n - 1) or 1
    k = xp.abs(k) % period
    return xp.minimum(k, period - k) if n > 1 else k * 0


def pad(x, *, widths, mode="constant", value=0.0):
    """x padded along every axis by widths[i] = (before, after); negative widths crop.

    mode: 'constant' (with `value`), 'reflect' (the border entry not repeated), 'replicate' or 'circular'.
    """
    shape = x.shape
    if mode != "constant":
        for axis, (before, after) in enumerate(widths):
            if (before, after) == (0, 0):
                continue
            limit = {"reflect": shape[axis] - 1, "circular": shape[axis]}.get(mode)
            if min(before, after) < 0 or (limit is not None and max(before, after) > limit) or shape[axis] == 0:
                raise InputError("pad", "pad", f"from 0 to {limit} along dim {axis} for mode {mode!r}", (before, after))
            x = take(x, index=_border_index(xp_of(getattr(x, "_data", x)), shape[axis], before, after, mode), axis=axis)
        return x
    cut = tuple((max(0, -b), max(0, -a)) for b, a in widths)
    grow = tuple((max(0, b), max(0, a)) for b, a in widths)
    if any(b + a > n for n, (b, a) in zip(shape, cut)):
        raise InputError("pad", "pad", f"widths that leave no negative size of shape {tuple(shape)}", widths)
    if any(b or a for b, a in cut):
        x = crop(x, widths=cut)
    if value == 0:
        return pad_zeros(x, widths=grow)
    frame = xp_of(getattr(x, "_data", x)).full([b + n + a for n, (b, a) in zip(x.shape, grow)], value, dtype=x.dtype)
    frame[tuple(slice(b, b + n) for n, (b, _) in zip(x.shape, grow))] = 0
    return pad_zeros(x, widths=grow) + frame
