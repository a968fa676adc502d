"""Naive loops over every output entry: what convolution, pooling and sampling mean; and erf by its power series."""

import numpy as np

__all__ = ["conv2d_loops", "unfold_loops", "fold_loops", "pool_loops", "resize_loops", "grid_sample_loops", "erf_series"]


def out_size(size, kernel, stride, padding, dilation):
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(size, kernel, stride, padding, dilation))


def places(out, kernel, stride, padding, dilation):
    """(i, j, a, b, row, column): output pixel, place in the kernel, input pixel (which may lie outside)."""
    for i, j, a, b in np.ndindex(*out, *kernel):
        yield i, j, a, b, i * stride[0] + a * dilation[0] - padding[0], j * stride[1] + b * dilation[1] - padding[1]


def inside(row, column, h, w):
    return 0 <= row < h and 0 <= column < w


def conv2d_loops(x, w, stride, padding, dilation, groups):
    (n, _, h, width), (f, cg, kh, kw) = x.shape, w.shape
    out = out_size((h, width), (kh, kw), stride, padding, dilation)
    y = np.zeros((n, f, *out))
    for i, j, a, b, row, column in places(out, (kh, kw), stride, padding, dilation):
        if inside(row, column, h, width):
            for k in range(f):
                group = k // (f // groups)
                y[:, k, i, j] += x[:, group * cg : (group + 1) * cg, row, column] @ w[k, :, a, b]
    return y


def unfold_loops(x, kernel, stride, padding, dilation):
    n, c, h, w = x.shape
    out = out_size((h, w), kernel, stride, padding, dilation)
    cols = np.zeros((n, c, *kernel, *out))
    for i, j, a, b, row, column in places(out, kernel, stride, padding, dilation):
        if inside(row, column, h, w):
            cols[:, :, a, b, i, j] = x[:, :, row, column]
    return cols


def fold_loops(cols, size, stride, padding, dilation):
    n, c, kh, kw, oh, ow = cols.shape
    x = np.zeros((n, c, *size))
    for i, j, a, b, row, column in places((oh, ow), (kh, kw), stride, padding, dilation):
        if inside(row, column, *size):
            x[:, :, row, column] += cols[:, :, a, b, i, j]
    return x


def pool_loops(x, function, fill, kernel, stride, padding, dilation, ceil_mode):
    """function over each window; places outside count as `fill`. ceil_mode lets a last window hang over the edge."""
    n, c, h, w = x.shape
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    out = []
    for size, span, s, p in zip((h, w), spans, stride, padding):
        starts = [start for start in range(-p, size + p, s) if start + span <= size + p or (ceil_mode and start < size)]
        if ceil_mode:  # at most one that hangs over
            full = sum(start + span <= size + p for start in starts)
            starts = starts[: full + 1]
        out.append(starts)
    y = np.zeros((n, c, len(out[0]), len(out[1])))
    for (i, top), (j, left) in ((a, b) for a in enumerate(out[0]) for b in enumerate(out[1])):
        pixels = [(r, q) for r in range(top, top + spans[0], dilation[0]) for q in range(left, left + spans[1], dilation[1])]
        window = [x[:, :, r, q] if inside(r, q, h, w) else np.full((n, c), fill) for r, q in pixels]
        y[:, :, i, j] = function(np.stack(window, axis=-1), axis=-1)
    return y


def resize_loops(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    n, c, h, w = x.shape
    oh, ow = size or (h * scale_factor, w * scale_factor)
    y = np.zeros((n, c, oh, ow))
    for i, j in np.ndindex(oh, ow):
        if mode == "nearest":
            y[:, :, i, j] = x[:, :, i * h // oh, j * w // ow]
            continue
        at = []
        for k, m, o in ((i, h, oh), (j, w, ow)):
            source = k * (m - 1) / max(o - 1, 1) if align_corners else max((k + 0.5) * m / o - 0.5, 0.0)
            low = min(int(source), m - 1)
            at.append((low, min(low + 1, m - 1), source - low))
        (r0, r1, fr), (q0, q1, fq) = at
        above = x[:, :, r0, q0] * (1 - fq) + x[:, :, r0, q1] * fq
        below = x[:, :, r1, q0] * (1 - fq) + x[:, :, r1, q1] * fq
        y[:, :, i, j] = above * (1 - fr) + below * fr
    return y


def grid_sample_loops(x, grid, align_corners, padding_mode):
    n, c, h, w = x.shape
    y = np.zeros((n, c, *grid.shape[1:3]))
    for k, i, j in np.ndindex(*grid.shape[:3]):
        at = []
        for value, size in zip(grid[k, i, j], (w, h)):
            p = (value + 1) / 2 * (size - 1) if align_corners else ((value + 1) * size - 1) / 2
            at.append(min(max(p, 0), size - 1) if padding_mode == "border" else p)
        px, py = at
        for row in (int(np.floor(py)), int(np.floor(py)) + 1):
            for column in (int(np.floor(px)), int(np.floor(px)) + 1):
                if inside(row, column, h, w):
                    y[k, :, i, j] += x[k, :, row, column] * (1 - abs(px - column)) * (1 - abs(py - row))
    return y


def erf_series(x):
    """erf(x) = 2 / sqrt(pi) sum_n (-1)^n x^(2n+1) / (n! (2n+1)), good for |x| < 3."""
    x = np.asarray(x, dtype=np.float64)
    total, term = np.zeros_like(x), x.copy()
    for n in range(60):
        total = total + term / (2 * n + 1)
        term = -term * x * x / (n + 1)
    return total * 2 / np.sqrt(np.pi)
