"""Winograd's F(4x4, 3x3): a 4 x 4 tile of a 3 x 3 convolution in 36 products instead of 144 (Lavin, Gray 2015, section 4).

For a 6 x 6 patch d of the image and a kernel g, the 4 x 4 result is y = A' [(G g G') o (B' d B)] A, o entry by entry. The
entry-by-entry products, summed over channels, are 36 matrix products (tiles, c) (c, f): a quarter of the work. The
transforms would eat that up as element-wise code, so they are matrix products too. Across: column b of every tile of every
row is copied to one place, runs of c numbers, and B' times those is one product with a very wide matrix. Down: rows 4 t to
4 t + 5 of the result already are a matrix (rows next to each other in memory), so that B' is applied to overlapping views
without another copy. The adjoints are the same transforms transposed:
input   = forward with the flipped kernel and f, c exchanged;
weight  = G' [sum over tiles of (B' d B) (A u A')] G.

Only for 3 x 3, stride 1, no dilation, one group, float32: the transforms' constants (up to 8) cost about one digit,
errors are near 1e-5 of the largest value, and gradient checks in float64 take the exact path.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .buffers import empty_nhwc
from .conv_chunks import channels_last, padded, runs, scratch
from .im2col import output_size
from .threads import parallel_for

__all__ = ["conv2d", "conv2d_input", "conv2d_weight", "applies"]

B = np.array([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
              [0, 4, 0, -5, 0, 1]], np.float32)  # B'
G = np.array([[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
              [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]], np.float32)
A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], np.float32)  # A'

CHUNK_BYTES = 1 << 20  # of transformed tiles


def applies(w_shape, stride, dilation, groups, dtype):
    """True for the convolutions that this algorithm computes."""
    return w_shape[2:] == (3, 3) and stride == dilation == (1, 1) and groups == 1 and dtype == np.float32


def _kernel_tiles(w):
    """G g G' for every pair of channels: (36, c, f) from w (f, c, 3, 3). As one product: vec(G g G') = (G x G) vec(g)."""
    f, c = w.shape[:2]
    return (np.kron(G, G) @ w.transpose(2, 3, 1, 0).reshape(9, c * f)).reshape(36, c, f)


def _tiles(matrix, frame, th, tw, name):
    """matrix d matrix' for every tile d of a frame (m, h, w, c), with tiles 4 apart and as wide as the matrix: (36, m th tw, c)."""
    (m, h, _, c), (q, k) = frame.shape, matrix.shape
    sm, sh, sw, _ = frame.strides
    columns = scratch("winograd columns", (k, m, h, tw, c), frame.dtype)
    runs(columns, (k, m, h, tw), None, c)[...] = runs(frame, (k, m, h, tw), (sw, sm, sh, 4 * sw), c)
    across = scratch("winograd across", (q, m, h, tw * c), frame.dtype)
    np.matmul(matrix, columns.reshape(k, -1), out=across.reshape(q, -1))
    sq, sm, sh, item = across.strides
    rows = as_strided(across, (q, m, th, k, tw * c), (sq, sm, 4 * sh, sh, item))
    result = scratch(name, (q, q, m, th, tw * c), frame.dtype)
    np.matmul(matrix, rows, out=result.transpose(1, 2, 3, 0, 4))
    return result.reshape(q * q, m * th * tw, c)


def _result_tiles(products, m, th, tw, f, y):
    """A' M A for the products M (36, m th tw, f), into y (m, 4 th, 4 tw, f) or the part of it that y covers."""
    down = scratch("winograd columns", (4, 6, m * th * tw * f), products.dtype)
    np.matmul(A, products.reshape(6, -1), out=down.reshape(4, -1))
    tiles = scratch("winograd across", (4, 4, m, th, tw, f), products.dtype)
    np.matmul(A, down, out=tiles.reshape(4, 4, -1))
    tiles, (h, w) = tiles.transpose(2, 3, 0, 4, 1, 5), y.shape[1:3]
    if (h, w) == (4 * th, 4 * tw):
        y.reshape(m, th, 4, tw, 4, f)[...] = tiles
    else:
        y[...] = tiles.reshape(m, 4 * th, 4 * tw, f)[:, :h, :w]


def _samples(tiles, c, f):
    return max(1, CHUNK_BYTES // (36 * 4 * tiles * max(c, f)))


def _correlate(x, kernel_tiles, before, y):
    """y (n, oh, ow, f) = 3 x 3 correlation of x (n, h, w, c), whose first row and column lie `before` into the frame."""
    (n, oh, ow, f), c = y.shape, x.shape[3]
    th, tw = -(-oh // 4), -(-ow // 4)
    size, step = (4 * th + 2, 4 * tw + 2), _samples(th * tw, c, f)

    def part(start, stop):
        for i in range(start, stop, step):
            j = min(i + step, stop)
            count = (j - i) * th * tw
            image = _tiles(B, padded(x[i:j], before, size), th, tw, "winograd image")
            products = scratch("winograd products", (36, count, f), x.dtype)
            np.matmul(image, kernel_tiles, out=products)
            _result_tiles(products, j - i, th, tw, f, y[i:j])

    parallel_for(n, part)


def conv2d(x, w, *, stride, padding, dilation, groups):
    """See conv.conv2d; the result lies channels-last in memory."""
    out = output_size(x.shape[2:], (3, 3), stride, padding, dilation)
    y = empty_nhwc(x.shape[0], w.shape[0], *out, x.dtype)
    _correlate(channels_last(x), _kernel_tiles(w), padding, y.transpose(0, 2, 3, 1))
    return y


def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """See conv.conv2d_input; the result lies channels-last in memory."""
    x = empty_nhwc(u.shape[0], w.shape[1], *input_size, u.dtype)
    flipped = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    _correlate(channels_last(u), _kernel_tiles(flipped), (2 - padding[0], 2 - padding[1]), x.transpose(0, 2, 3, 1))
    return x


def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """See conv.conv2d_weight."""
    n, f, oh, ow = u.shape
    c = x.shape[1]
    x, u = channels_last(x), channels_last(u)
    th, tw = -(-oh // 4), -(-ow // 4)
    size, step, parts = (4 * th + 2, 4 * tw + 2), _samples(th * tw, c, f), {}

    def part(start, stop):
        total, product = np.zeros((36, c, f), x.dtype), np.empty((36, c, f), x.dtype)
        for i in range(start, stop, step):
            j = min(i + step, stop)
            image = _tiles(B, padded(x[i:j], padding, size), th, tw, "winograd image")
            square = padded(u[i:j], (0, 0), (4 * th, 4 * tw), "padded cotangent")
            cotangent = _tiles(A.T, square, th, tw, "winograd cotangent")
            np.matmul(image.transpose(0, 2, 1), cotangent, out=product)
            total += product
        parts[start] = total

    parallel_for(n, part)
    total = sum(parts[start] for start in sorted(parts))  # a fixed order of summation: the same bits on every run
    w = np.kron(G, G).T @ total.reshape(36, c * f)
    return np.ascontiguousarray(w.reshape(3, 3, c, f).transpose(3, 2, 0, 1))
