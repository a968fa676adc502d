"""Resampling images: interpolation on a new grid of pixels, and bilinear sampling at arbitrary places.

Interpolation is linear and separable, so it is two products with small matrices, y = A_h x A_w^T. Sampling reads the
four pixels around a place and weighs them; the pixels' indices are locally constant, the weights are differentiable in
the place, and so both of its derivatives (Jaderberg et al. 2015, eq. 6 and 7) come from the chain rule, at any order.
"""

import functools

import numpy as np

from ..autograd import raw
from ..backend import xp_of
from .arrange import unbind
from .elementwise import abs as abs_
from .elementwise import clamp, where
from .linalg import matmul, swap_last
from .shape import gather, reshape

__all__ = ["interpolate", "base_grid", "grid_sample", "interpolation_matrix", "window_matrix"]


@functools.lru_cache(maxsize=64)  # made and moved to the device once per size, not once per step
def interpolation_matrix(n_in, n_out, scale, mode, align_corners, xp=np, dtype=np.float32):
    """A (n_out, n_in) whose row i weighs the input pixels that output pixel i is made of.

    The place of output pixel i in the input is i (n_in - 1) / (n_out - 1) with align_corners, else (i + 1/2) s - 1/2
    (bilinear; below 0 the first pixel) or floor(i s) (nearest), where s = 1/scale, or n_in / n_out without a scale.
    """
    i = np.arange(n_out)
    step = n_in / n_out if scale is None else 1.0 / scale
    matrix = np.zeros((n_out, n_in), np.float64)
    if mode == "nearest":
        matrix[i, np.minimum(np.floor(i * step).astype(int), n_in - 1)] = 1
    else:
        if align_corners:
            place = i * ((n_in - 1) / (n_out - 1) if n_out > 1 else 0.0)
        else:
            place = np.maximum((i + 0.5) * step - 0.5, 0.0)
        low = np.minimum(np.floor(place).astype(int), n_in - 1)
        part = np.minimum(place - low, 1.0)
        np.add.at(matrix, (i, low), 1 - part)
        np.add.at(matrix, (i, np.minimum(low + 1, n_in - 1)), part)
    return xp.asarray(matrix, dtype=dtype)


@functools.lru_cache(maxsize=64)
def window_matrix(windows, n, xp, dtype):
    """A (windows, n) whose row i averages the entries from windows[i][0] up to windows[i][1]."""
    matrix = np.zeros((len(windows), n))
    for i, (start, end) in enumerate(windows):
        matrix[i, start:end] = 1 / (end - start)
    return xp.asarray(matrix, dtype=dtype)


def interpolate(x, *, size, scale, mode, align_corners):
    """x (n, c, h, w) resized to `size`; the adjoint multiplies by the transposed matrices."""
    data = raw(x)
    rows, columns = (
        interpolation_matrix(n, m, s, mode, align_corners, xp_of(data), data.dtype)
        for n, m, s in zip(x.shape[2:], size, scale or (None, None))
    )
    return matmul(matmul(rows, x), swap_last(columns))


def base_grid(like, h, w, align_corners):
    """Points (h w, 3) with rows [x, y, 1]: x and y from -1 to 1 over the pixels of an h x w image, x fastest."""
    xp = xp_of(like)

    def ticks(n):
        if align_corners:
            return np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        return (2 * np.arange(n) + 1) / n - 1

    y, x = np.meshgrid(ticks(h), ticks(w), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.ones(h * w)], axis=1)
    return xp.asarray(points, dtype=like.dtype)


def _to_pixels(t, n, align_corners):
    """From -1 .. 1 to pixel coordinates: 0 .. n - 1 (align_corners), or -1/2 .. n - 1/2."""
    return (t + 1) * ((n - 1) / 2) if align_corners else ((t + 1) * n - 1) * 0.5


def _reflect(t, low, high):
    """A coordinate reflected into [low, high], as often as it takes; period 2 (high - low)."""
    span = high - low
    if span == 0:
        return t * 0
    folded = abs_(t - low)
    turns = xp_of(raw(t)).floor(raw(folded) / span)
    rest = folded - turns * span
    return where(turns % 2 == 0, rest + low, (span + low) - rest)


def _inside(t, n, padding_mode, align_corners):
    """Pixel coordinates brought into the image, as the padding mode says."""
    if padding_mode == "border":
        return clamp(t, min=0, max=n - 1)
    if padding_mode == "reflection":
        t = _reflect(t, 0, n - 1) if align_corners else _reflect(t, -0.5, n - 0.5)
        return clamp(t, min=0, max=n - 1)
    return t


def _read(flat, iy, ix, h, w):
    """Pixels (n, c, places) at integer coordinates; 0 outside the image."""
    valid = (iy >= 0) & (iy < h) & (ix >= 0) & (ix < w)
    xp, (n, c, _) = xp_of(iy), flat.shape
    index = xp.where(valid, iy * w + ix, 0).astype(np.int64)[:, None, :]
    picked = gather(flat, index=xp.broadcast_to(index, (n, c, index.shape[2])), axis=2)
    return picked * valid[:, None, :].astype(raw(flat).dtype)


def grid_sample(x, grid, *, mode, padding_mode, align_corners):
    """y[n,c,p] = sum over pixels (i, j) of x[n,c,i,j] max(0, 1 - |v_p - i|) max(0, 1 - |u_p - j|), place p = (u_p, v_p)."""
    n, c, h, w = x.shape
    out_h, out_w = grid.shape[1:3]
    u, v = unbind(reshape(grid, shape=(n, out_h * out_w, 2)), 2)
    u = _inside(_to_pixels(u, w, align_corners), w, padding_mode, align_corners)
    v = _inside(_to_pixels(v, h, align_corners), h, padding_mode, align_corners)
    flat = reshape(x, shape=(n, c, h * w))
    xp = xp_of(raw(u))
    if mode == "nearest":
        y = _read(flat, xp.rint(raw(v)), xp.rint(raw(u)), h, w)
    else:
        left, top = xp.floor(raw(u)), xp.floor(raw(v))
        a, b = u - left, v - top  # how far right of the left pixel, and below the upper one
        y = 0
        for iy, weight_y in ((top, 1 - b), (top + 1, b)):
            for ix, weight_x in ((left, 1 - a), (left + 1, a)):
                weight = reshape(weight_y * weight_x, shape=(n, 1, out_h * out_w))
                y = y + _read(flat, iy, ix, h, w) * weight
    return reshape(y, shape=(n, c, out_h, out_w))
