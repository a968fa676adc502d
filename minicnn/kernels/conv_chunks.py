"""Convolution channels-last, a few samples' columns at a time: the general fast path.

With the channels of a pixel side by side in memory, a row of a patch is one run of kw c numbers, and copying patches runs
at the speed of memory; a whole-batch column matrix would go out to memory and back, so columns are made for as many
samples as fit in cache (about 1 MB), multiplied, and forgotten. Each thread does its own part of the batch.

Forward: columns (pixels, kh kw c) times w (kh kw c, f). Weight: columns' times u, added up. Input: for stride 1 the
forward convolution of u with the flipped weight, unless that would mostly multiply zeros; otherwise u times w' gives
columns, which are added back.

Where f is much smaller than c, the roles are exchanged for stride 1, since columns of f channels are so much smaller than
columns of c: forward is then the input slot of the flipped weight, and the weight is correlated from u's columns with x.
"""

import math
import threading

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .buffers import empty_nhwc
from .im2col import output_size
from .threads import parallel_for

__all__ = ["conv2d", "conv2d_input", "conv2d_weight", "channels_last", "padded", "runs", "scratch", "framed", "before_flipped"]

SCATTERED = 4  # as many samples more to a chunk where each takes kh kw short calls
NARROW = 16  # columns of a product that BLAS computes slowly
CHUNK_BYTES = 1 << 21  # smaller chunks mean more, shorter NumPy calls, between which threads wait for the interpreter


class _Scratch(threading.local):
    """Work space of a thread, kept between calls: one array per purpose, grown when needed."""

    def __init__(self):
        self.arrays, self.frames = {}, {}

    def get(self, name, size, dtype):
        array = self.arrays.get((name, dtype))
        if array is None or array.size < size:
            array = self.arrays[name, dtype] = np.empty(size, dtype)
            self.frames.pop((name, dtype), None)
        return array[:size]

    def framed(self, name, n, layout, dtype):
        """True if the first n samples of this array have zeros where `layout` wants them; what is asked is then noted."""
        before, samples = self.frames.get((name, dtype), (None, 0))
        if before == layout and samples >= n:
            return True
        self.frames[name, dtype] = layout, n
        return False


_scratch = _Scratch()


def scratch(name, shape, dtype):
    """An array of this thread's work space; what was in it is lost."""
    size = 1
    for n in shape:
        size *= n
    return _scratch.get(name, size, np.dtype(dtype)).reshape(shape)


def framed(name, shape, layout, dtype):
    """scratch(...) that is zero wherever nobody wrote since the last call with another layout: a frame of zeros is made once.

    layout: what tells where the caller writes, and shape[1:]. The zeros stay from one chunk to the next: with two threads each
    short NumPy call may wait for the interpreter's lock, which costs more than what the call does.
    """
    out = scratch(name, shape, dtype)
    if not _scratch.framed(name, shape[0], (layout, *shape[1:]), np.dtype(dtype)):
        out[...] = 0
    return out


def channels_last(x):
    """(n, c, h, w) as a C-contiguous (n, h, w, c): a view if it already lies so in memory, else a copy."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def padded(x, before, size, name="padded"):
    """x (n, h, w, c) inside zeros of height and width `size`, `before` rows and columns in; in scratch if it must be copied.

    Negative `before` crops.
    """
    n, h, w, c = x.shape
    if (h, w) == tuple(size) and tuple(before) == (0, 0):
        return x
    out, (top, left) = framed(name, (n, *size, c), (h, w, c, *before, *size), x.dtype), before
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(size[0], top + h), min(size[1], left + w)
    out[:, y0:y1, x0:x1] = x[:, y0 - top : y1 - top, x0 - left : x1 - left]
    return out


def runs(array, shape, strides, length, offset=0):
    """A view whose entries are runs of `length` numbers, which NumPy copies as one piece; strides and offset in bytes."""
    return np.ndarray(shape, f"V{length * array.itemsize}", array, offset, strides)


def _columns(x, kernel, stride, dilation, out, first, count):
    """Patches of channels first ... first + count of a padded x (n, h, w, c) as a matrix (n oh ow, kh kw count), in scratch
    (x itself for 1x1 with stride 1 and all channels)."""
    n, h, w, c = x.shape
    kh, kw = kernel
    if (kh, kw) == (1, 1) and stride == (1, 1) and count == c and (h, w) == tuple(out):
        return x.reshape(-1, c)
    _, sh, sw, item = x.strides
    cols = scratch("columns", (n * out[0] * out[1], kh * kw * count), x.dtype)
    places, strides = (n, *out, kh, kw), (x.strides[0], stride[0] * sh, stride[1] * sw, dilation[0] * sh, dilation[1] * sw)
    if count == c and dilation[1] == 1:  # a row of the patch is one run
        places, strides, count = places[:-1], strides[:-1], kw * c
    runs(cols, places, None, count)[...] = runs(x, places, strides, count, first * item)
    return cols


def _samples(rows, columns, dtype):
    """Samples a chunk, for `rows` x `columns` numbers a sample."""
    return max(1, CHUNK_BYTES // (rows * columns * np.dtype(dtype).itemsize))


def _matrices(w, groups):
    """The weight (f, c/groups, kh, kw) as one matrix (kh kw c/groups, f/groups) per group."""
    f, cg, kh, kw = w.shape
    return np.ascontiguousarray(w.reshape(groups, f // groups, cg, kh, kw).transpose(0, 3, 4, 2, 1)).reshape(
        groups, kh * kw * cg, f // groups)


def _correlate(x, matrices, kernel, stride, dilation, before, size, y):
    """y (n, oh, ow, f) = the patches of x (n, h, w, c) in a frame of `size` times the groups' matrices."""
    n, oh, ow, f = y.shape
    groups, rows, fg = matrices.shape
    c = x.shape[3]
    cg = c // groups
    step = _samples(oh * ow, kernel[0] * kernel[1] * cg, x.dtype)

    def part(start, stop):
        for i in range(start, stop, step):
            j = min(i + step, stop)
            frame = padded(x[i:j], before, size)
            for g in range(groups):
                cols = _columns(frame, kernel, stride, dilation, (oh, ow), g * cg, cg)
                if groups == 1:
                    np.matmul(cols, matrices[0], out=y[i:j].reshape(len(cols), f))
                else:
                    y[i:j, :, :, g * fg : (g + 1) * fg] = np.matmul(cols, matrices[g]).reshape(j - i, oh, ow, fg)

    parallel_for(n, part, None if n * oh * ow * rows * f > 1 << 20 else 1)


def _frame(size, kernel, stride, padding, dilation, out):
    """Height and width that the windows reach over, from `padding` before the image."""
    return tuple([(o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(out, stride, dilation, kernel)])


def before_flipped(kernel, padding, dilation):
    """The padding of the adjoint of a convolution with stride 1, d (k - 1) - p: what a window reaches beyond the image."""
    return tuple([d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding)])


def _flipped(w):
    """w[f,c,a,b] as w[c,f,-a,-b]: the weight of the adjoint of a convolution with stride 1."""
    return w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)


def few_filters(f, c, kernel, stride, groups):
    """True where columns of f channels are worth their detour in place of columns of c."""
    return 2 * f <= c and groups == 1 and stride == (1, 1) and tuple(kernel) != (1, 1)


def conv2d(x, w, *, stride, padding, dilation, groups):
    """See conv.conv2d; the result lies channels-last in memory."""
    kernel, size = w.shape[2:], x.shape[2:]
    out = output_size(size, kernel, stride, padding, dilation)
    y = empty_nhwc(x.shape[0], w.shape[0], *out, x.dtype)
    before = before_flipped(kernel, padding, dilation)
    if w.shape[0] <= NARROW and few_filters(w.shape[0], x.shape[1], kernel, stride, groups) and min(before) >= 0:
        _scatter(channels_last(x), _flipped(w), 1, stride, before, dilation, y.transpose(0, 2, 3, 1))
        return y
    _correlate(channels_last(x), _matrices(w, groups), kernel, stride, dilation, padding,
               _frame(size, kernel, stride, padding, dilation, out), y.transpose(0, 2, 3, 1))
    return y


def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """See conv.conv2d_input; the result lies channels-last in memory."""
    (f, cg, kh, kw), c = w.shape, w.shape[1] * groups
    x = empty_nhwc(u.shape[0], c, *input_size, u.dtype)
    if stride == (1, 1) and math.prod(input_size) < 1.5 * math.prod(u.shape[2:]):  # else mostly zeros would be multiplied
        flipped = w.reshape(groups, f // groups, cg, kh, kw)[..., ::-1, ::-1].transpose(0, 2, 1, 3, 4)
        flipped = flipped.reshape(c, f // groups, kh, kw)
        before = before_flipped((kh, kw), padding, dilation)
        size = tuple(n + d * (k - 1) for n, d, k in zip(input_size, dilation, (kh, kw)))
        _correlate(channels_last(u), _matrices(flipped, groups), (kh, kw), stride, dilation, before, size, x.transpose(0, 2, 3, 1))
        return x
    _scatter(channels_last(u), w, groups, stride, padding, dilation, x.transpose(0, 2, 3, 1))
    return x


def _scatter(u, w, groups, stride, padding, dilation, x):
    """x (n, h, w, c) = u (n, oh, ow, f) times w' for each kernel position, added to the strided slice that it was read from.

    The image is built with its columns sorted by their rest modulo the stride, (rests, n, height, width / stride, c), where
    such a slice is whole rows side by side: long runs to add, instead of one pixel at a time.
    """
    n, oh, ow, f = u.shape
    _, h, width, c = x.shape
    kh, kw = w.shape[2:]
    cg, fg, s = c // groups, f // groups, stride[1]
    matrices = np.ascontiguousarray(w.reshape(groups, fg, cg, kh, kw).transpose(0, 3, 4, 1, 2)).reshape(groups, kh * kw, fg, cg)
    rows, columns = (max(m + 2 * p, (o - 1) * t + d * (k - 1) + 1)
                     for m, p, o, t, d, k in zip((h, width), padding, (oh, ow), stride, dilation, (kh, kw)))
    columns = -(-columns // s)
    step = SCATTERED * _samples(oh * ow, kh * kw * cg, u.dtype)

    def part(start, stop):
        for i in range(start, stop, step):
            j = min(i + step, stop)
            frame = scratch("frame", (s, j - i, rows, columns, c), u.dtype)
            frame[...] = 0
            for g in range(groups):
                v = np.ascontiguousarray(u[i:j, :, :, g * fg : (g + 1) * fg]).reshape(-1, fg)
                products = _products(v, matrices[g])
                for k, (a, b) in enumerate(np.ndindex(kh, kw)):
                    top, (left, rest) = dilation[0] * a, divmod(dilation[1] * b, s)
                    place = frame[rest, :, top : top + stride[0] * oh : stride[0], left : left + ow]
                    product = products[k].reshape(j - i, oh, ow, cg)
                    if groups == 1:
                        place, product = _joined(place), product.reshape(j - i, oh, ow * c)
                    else:
                        place = place[..., g * cg : (g + 1) * cg]
                    place += product
            for rest in range(s):
                first = (rest - padding[1]) % s  # column of x, and of the sorted frame, where this rest begins
                begin, count = (first + padding[1]) // s, len(range(first, width, s))
                x[i:j, :, first::s] = frame[rest, :, padding[0] : padding[0] + h, begin : begin + count]

    parallel_for(n, part, None if n * oh * ow * kh * kw * cg * f > 1 << 20 else 1)


def _products(v, matrices):
    """(k, pixels, c): the pixels v (pixels, f) times each of k matrices (f, c).

    BLAS is slow where the result has few columns. Then all are computed at once, side by side, and put apart afterwards.
    """
    k, f, c = matrices.shape
    products = scratch("columns", (k, v.shape[0], c), v.dtype)
    if c > NARROW or k == 1:
        return np.matmul(v, matrices, out=products)
    beside = scratch("products", (v.shape[0], k * c), v.dtype)
    np.matmul(v, matrices.transpose(1, 0, 2).reshape(f, k * c), out=beside)
    row, item = beside.strides[0], c * beside.itemsize
    runs(products, products.shape[:2], None, c)[...] = runs(beside, products.shape[:2], (item, row), c)
    return products


def _joined(rows):
    """Pixels (n, h, w, c) that lie side by side in each row, as (n, h, w c), without a copy."""
    n, h, w, c = rows.shape
    return as_strided(rows, (n, h, w * c), (*rows.strides[:2], rows.strides[3]))


def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """See conv.conv2d_weight."""
    n, f, oh, ow = u.shape
    c, (kh, kw) = x.shape[1], kernel_size
    if few_filters(f, c, kernel_size, stride, groups):
        before = before_flipped(kernel_size, padding, dilation)
        return np.ascontiguousarray(_flipped(conv2d_weight(u, x, kernel_size=kernel_size, stride=stride, padding=before,
                                                           dilation=dilation, groups=1)))
    cg, fg = c // groups, f // groups
    rows = kh * kw * cg
    x, u = channels_last(x), channels_last(u)
    size = _frame(x.shape[1:3], kernel_size, stride, padding, dilation, (oh, ow))
    step, sums = _samples(oh * ow, rows, x.dtype), np.zeros((groups, rows, fg), u.dtype)

    def part(start, stop):
        total = np.zeros((groups, rows, fg), u.dtype)
        product = np.empty((rows, fg), u.dtype)
        for i in range(start, stop, step):
            j = min(i + step, stop)
            frame = padded(x[i:j], padding, size)
            for g in range(groups):
                cols = _columns(frame, kernel_size, stride, dilation, (oh, ow), g * cg, cg)
                np.matmul(cols.T, u[i:j, :, :, g * fg : (g + 1) * fg].reshape(-1, fg), out=product)
                total[g] += product
        parts[start] = total

    parts = {}
    parallel_for(n, part, None if n * oh * ow * rows * f > 1 << 20 else 1)
    for start in sorted(parts):  # a fixed order of summation: the same bits on every run
        sums += parts[start]
    return np.ascontiguousarray(sums.reshape(groups, kh, kw, cg, fg).transpose(0, 4, 3, 1, 2)).reshape(f, cg, kh, kw)
