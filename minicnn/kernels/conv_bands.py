"""Convolution of few channels at stride 1, by columns of which only the shifts to the side are made: the first layers.

A column matrix holds each pixel kh kw times. Make just the kw shifts to the side, for each row of the image: the band of row y,
(kw c, ow) numbers, in which entry (b, c, j) is pixel (y, j + b) of channel c. The columns for row y of the result are then
the bands of rows y, ..., y + kh - 1, and where bands lie one below the other in memory, these *are* one matrix (kh kw c, ow),
without a copy: overlapping views. A kh-th of the copying, and runs of ow numbers where the channels are too few for long runs.

Forward: for each row of the result, its matrix transposed (ow, kh kw c) times w (kh kw c, f), straight into channels-last
memory. Input: the same, of u with the flipped kernel. Weight: with the bands as (kw c, rows, ow), a shift by a rows is an offset of
a ow numbers, so for each a one product (kw c, oh ow) times u (oh ow, f).
"""


import numpy as np

from .buffers import empty_nhwc
from .conv_chunks import before_flipped, channels_last, framed
from .im2col import output_size
from .threads import parallel_for

__all__ = ["conv2d", "conv2d_input", "conv2d_weight", "applies"]

CHUNK_BYTES = 1 << 20  # of bands


def applies(w_shape, stride, dilation, groups, dtype):
    """True for the convolutions that this algorithm computes."""
    return stride == dilation == (1, 1) and groups == 1 and np.dtype(dtype).kind == "f"


def _bands(x, kw, before, rows, ow, by_row):
    """The bands of x (m, c, h, w) in a frame of `rows` rows, x beginning `before` = (top, left) in: (m, rows, kw, c, ow), or
    (m, kw, c, rows, ow) if not by_row. In scratch; what lies outside the image is zero."""
    (m, c, h, w), (top, left) = x.shape, before
    shape = (m, rows, kw, c, ow) if by_row else (m, kw, c, rows, ow)
    bands = framed("bands" if by_row else "bands of columns", shape, (h, w, top, left), x.dtype)
    y0, y1 = max(0, top), min(rows, top + h)
    for b in range(kw):
        j0, j1 = max(0, left - b), min(ow, left - b + w)
        if y0 < y1 and j0 < j1:
            pixels = x[:, :, y0 - top : y1 - top, j0 + b - left : j1 + b - left]
            if by_row:
                bands[:, y0:y1, b, :, j0:j1] = pixels.transpose(0, 2, 1, 3)
            else:
                bands[:, b, :, y0:y1, j0:j1] = pixels
    return bands


def _samples(rows, columns, dtype):
    return max(1, CHUNK_BYTES // max(1, rows * columns * dtype.itemsize))


def _correlate(x, w, before, out):
    """y (n, f, oh, ow), channels-last in memory: the windows of x, the first of which begins `before` pixels outside, times w."""
    (n, c), (f, _, kh, kw), (oh, ow) = x.shape[:2], w.shape, out
    y, matrix = empty_nhwc(n, f, oh, ow, x.dtype), np.ascontiguousarray(w.transpose(2, 3, 1, 0)).reshape(kh * kw * c, f)
    last, rows, item = y.transpose(0, 2, 3, 1), oh + kh - 1, x.itemsize
    step = _samples(rows, kw * c * ow, x.dtype)

    def part(start, stop):
        for i in range(start, stop, step):
            j = min(i + step, stop)
            bands = _bands(x[i:j], kw, before, rows, ow, by_row=True)
            one = kw * c * ow * item  # bytes from one band to the next
            columns = np.ndarray((j - i, oh, ow, kh * kw * c), x.dtype, bands, 0, (rows * one, one, item, ow * item))
            np.matmul(columns, matrix, out=last[i:j])

    parallel_for(n, part, None if n * oh * ow * kh * kw * c * f > 1 << 20 else 1)
    return y


def conv2d(x, w, *, stride, padding, dilation, groups):
    """See conv.conv2d; the result lies channels-last in memory."""
    return _correlate(x, w, padding, output_size(x.shape[2:], w.shape[2:], stride, padding, dilation))


def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """See conv.conv2d_input; the result lies channels-last in memory."""
    flipped = w[..., ::-1, ::-1].transpose(1, 0, 2, 3)
    return _correlate(u, flipped, before_flipped(w.shape[2:], padding, dilation), input_size)


def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """See conv.conv2d_weight."""
    (n, c), (f, oh, ow), (kh, kw) = x.shape[:2], u.shape[1:], kernel_size
    last, rows, item = channels_last(u).reshape(n, 1, oh * ow, f), oh + kh - 1, x.itemsize
    step, parts = _samples(rows, kw * c * ow, x.dtype), {}

    def part(start, stop):
        total = np.zeros((kh, kw * c, f), x.dtype)
        for i in range(start, stop, step):
            j = min(i + step, stop)
            bands = _bands(x[i:j], kw, padding, rows, ow, by_row=False)
            one = rows * ow * item
            shifted = np.ndarray((j - i, kh, kw * c, oh * ow), x.dtype, bands, 0, (kw * c * one, ow * item, one, item))
            total += np.matmul(shifted, last[i:j]).sum(axis=0)
        parts[start] = total

    parallel_for(n, part, None if n * oh * ow * kh * kw * c * f > 1 << 20 else 1)
    total = sum(parts[start] for start in sorted(parts))  # a fixed order of summation: the same bits on every run
    if not parts:
        total = np.zeros((kh, kw * c, f), x.dtype)
    return np.ascontiguousarray(total.reshape(kh, kw, c, f).transpose(3, 2, 0, 1))
