"""Resampling images: interpolation on a new grid of pixels, and sampling at arbitrary places, each with its adjoint.

Interpolation is linear and separable. Along one axis, output i is a sum of a few taps, y_i = sum_t weight[t,i] x[index[t,i]];
its adjoint has taps of its own, found by turning the table round, so the same gather does both, without a scatter.
Sampling (Jaderberg et al. 2015, Spatial transformer networks, eq. 5 to 7) reads the four pixels around a place.
"""

import numpy as np

from ..backend import xp_of
from .pool import pick, spread

__all__ = ["interpolate", "interpolate_adjoint", "grid_sample", "grid_sample_input", "grid_sample_grid", "base_grid"]


# ---------------------------------------------------------------------------------------------- interpolation

def _taps(n_in, n_out, scale, mode, align_corners):
    """(index, weight), each (taps, n_out): which input pixels output pixel i is made of.

    The place of output pixel i in the input is i (n_in - 1) / (n_out - 1) with align_corners, else (i + 1/2) s - 1/2
    (bilinear; below 0 the first pixel) or floor(i s) (nearest), where s = 1/scale, or n_in / n_out without a scale.
    """
    i, step = np.arange(n_out), n_in / n_out if scale is None else 1.0 / scale
    if mode == "nearest":
        return np.minimum(np.floor(i * step).astype(int), n_in - 1)[None], np.ones((1, n_out))
    if align_corners:
        place = i * ((n_in - 1) / (n_out - 1) if n_out > 1 else 0.0)
    else:
        place = np.maximum((i + 0.5) * step - 0.5, 0.0)
    low = np.minimum(np.floor(place).astype(int), n_in - 1)
    part = np.minimum(place - low, 1.0)
    return np.stack([low, np.minimum(low + 1, n_in - 1)]), np.stack([1 - part, part])


def _turned(index, weight, n_in):
    """The taps of the adjoint: for input pixel j, the outputs that read it; rows are filled up with weight 0."""
    source = np.broadcast_to(np.arange(index.shape[1]), index.shape)[weight != 0]
    target, weight = index[weight != 0], weight[weight != 0]
    order = np.argsort(target, kind="stable")
    source, target, weight = source[order], target[order], weight[order]
    counts = np.bincount(target, minlength=n_in)
    row = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)  # its number among those of one target
    indices, weights = np.zeros((counts.max(), n_in), int), np.zeros((counts.max(), n_in))
    indices[row, target], weights[row, target] = source, weight
    return indices, weights


def _gather(x, taps, axis):
    """y_i = sum over t of weight[t,i] x[index[t,i]] along one axis of x."""
    xp, (index, weight) = xp_of(x), taps
    index, weight = xp.asarray(index), xp.asarray(weight, dtype=x.dtype)
    shape = [-1 if a == axis else 1 for a in range(x.ndim)]
    y = 0
    for t in range(index.shape[0]):
        y = y + xp.take(x, index[t], axis=axis) * weight[t].reshape(shape)
    return y


def interpolate(x, *, size, scale, mode, align_corners):
    """x (n, c, h, w) at another size (h', w'). scale: None, or the two factors that set the step; mode: nearest, bilinear."""
    for axis, m, s in zip((2, 3), size, scale or (None, None)):
        x = _gather(x, _taps(x.shape[axis], m, s, mode, align_corners), axis)
    return x


def interpolate_adjoint(u, *, input_size, scale, mode, align_corners):
    """u (n, c, h', w') added back to the pixels (n, c, *input_size) that it came from."""
    for axis, n, s in zip((2, 3), input_size, scale or (None, None)):
        u = _gather(u, _turned(*_taps(n, u.shape[axis], s, mode, align_corners), n), axis)
    return u


# ------------------------------------------------------------------------------------- sampling at any place

def base_grid(h, w, *, align_corners, dtype=np.float32, xp=np):
    """Points (h w, 3) with rows [x, y, 1]: x and y from -1 to 1 over the pixels of an h x w image, x fastest.

    -1 and 1 are the centres of the corner pixels with align_corners, else the outer edges of the image.
    """
    def ticks(n):
        if align_corners:
            return np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        return (2 * np.arange(n) + 1) / n - 1

    y, x = np.meshgrid(ticks(h), ticks(w), indexing="ij")
    return xp.asarray(np.stack([x.ravel(), y.ravel(), np.ones(h * w)], axis=1), dtype=dtype)


def _reflected(t, low, high):
    """(coordinate, slope): t reflected into [low, high] as often as it takes, and +1 or -1; slope 0 if low = high."""
    xp, span = xp_of(t), high - low
    if span == 0:
        return t * 0, t * 0
    sign = xp.where(t < low, -1.0, 1.0).astype(t.dtype)
    t = xp.abs(t - low)
    turns = xp.floor(t / span)
    rest, odd = t - turns * span, turns % 2
    return xp.where(odd == 0, rest + low, high - rest), sign * (1 - 2 * odd)


def _coordinate(t, n, padding_mode, align_corners):
    """(coordinate in pixels, its derivative by t) for t from -1 to 1 along n pixels, brought inside as the mode says.

    Clamped coordinates have derivative 0, on the border too, as in PyTorch.
    """
    slope = (n - 1) / 2 if align_corners else n / 2
    place = (t + 1) * slope - (0 if align_corners else 0.5)
    if padding_mode == "zeros":
        return place, slope
    xp, sign = xp_of(t), 1
    if padding_mode == "reflection":
        place, sign = _reflected(place, 0, n - 1) if align_corners else _reflected(place, -0.5, n - 0.5)
    inside = (place > 0) & (place < n - 1)
    return xp.minimum(xp.maximum(place, 0), n - 1), inside * (sign * slope)


def _coordinates(grid, size, padding_mode, align_corners):
    """Columns, rows (n, oh, ow) in pixels, and their derivatives by the grid's x and y."""
    (u, du), (v, dv) = (_coordinate(grid[..., k], n, padding_mode, align_corners) for k, n in ((0, size[1]), (1, size[0])))
    return u, v, du, dv


def _flat(row, column, size):
    """(flat index, inside): the pixel at whole-number coordinates, pixel 0 where they lie outside the image."""
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    return xp_of(row).where(inside, row * size[1] + column, 0).astype(np.int64), inside


def _pixels(u, v, size, mode):
    """For each pixel that a place reads: (flat index, weight, its derivative by column u, and by row v), all (n, oh, ow).

    At a pixel's centre, where the weights have a kink, floor decides: the derivative from the right.
    """
    xp = xp_of(u)
    if mode == "nearest":
        index, inside = _flat(xp.rint(v), xp.rint(u), size)
        return [(index, inside.astype(u.dtype), None, None)]
    left, top = xp.floor(u), xp.floor(v)
    a, b = u - left, v - top
    pixels = []
    for row, wv, sv in ((top, 1 - b, -1), (top + 1, b, 1)):
        for column, wu, su in ((left, 1 - a, -1), (left + 1, a, 1)):
            index, inside = _flat(row, column, size)
            pixels.append((index, *(xp.where(inside, t, 0) for t in (wv * wu, su * wv, sv * wu))))
    return pixels


def _channels(index, c):
    """The flat index (n, oh, ow) for each of c channels."""
    n, oh, ow = index.shape
    return xp_of(index).broadcast_to(index[:, None], (n, c, oh, ow))


def grid_sample(x, grid, *, mode, padding_mode, align_corners):
    """y[n,c,i,j] = sum over pixels of x[n,c] max(0, 1 - |row - v|) max(0, 1 - |column - u|), place (u, v) from grid[n,i,j].

    x (n, c, h, w); grid (n, oh, ow, 2) holds x before y; mode bilinear or nearest; padding_mode zeros, border, reflection.
    """
    u, v, _, _ = _coordinates(grid, x.shape[2:], padding_mode, align_corners)
    y = 0
    for index, weight, _, _ in _pixels(u, v, x.shape[2:], mode):
        y = y + pick(x, _channels(index, x.shape[1])) * weight[:, None].astype(x.dtype)
    return y


def grid_sample_input(g, grid, *, input_size, mode, padding_mode, align_corners):
    """g (n, c, oh, ow) spread over the pixels (n, c, *input_size) that its places read: the adjoint of grid_sample in x."""
    u, v, _, _ = _coordinates(grid, input_size, padding_mode, align_corners)
    x = 0
    for index, weight, _, _ in _pixels(u, v, input_size, mode):
        x = x + spread(g * weight[:, None].astype(g.dtype), _channels(index, g.shape[1]), tuple(input_size))
    return x


def grid_sample_grid(g, x, grid, *, padding_mode, align_corners):
    """(n, oh, ow, 2): the derivative of <grid_sample(x, grid), g> by the grid, bilinear; for nearest it is 0."""
    xp = xp_of(x)
    u, v, du, dv = _coordinates(grid, x.shape[2:], padding_mode, align_corners)
    by_u, by_v = 0, 0
    for index, _, su, sv in _pixels(u, v, x.shape[2:], "bilinear"):
        along = (pick(x, _channels(index, x.shape[1])) * g).sum(axis=1)
        by_u, by_v = by_u + along * su, by_v + along * sv
    return xp.stack([by_u * du, by_v * dv], axis=3).astype(grid.dtype)
