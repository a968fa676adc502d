"""Max, average and adaptive pooling, as torch.nn.functional has them."""

from ...autograd import is_grad_enabled
from ...errors import InputError
from ...ops import pool as P
from ...ops.checks import checked
from .checks import check_input, pair

__all__ = [
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
    "adaptive_max_pool1d", "adaptive_max_pool2d",
]


def _window(function, kernel_size, stride, padding, dilation=1):
    kernel = pair(function, "kernel_size", kernel_size, 1)
    stride = kernel if stride is None else pair(function, "stride", stride, 1)
    padding = pair(function, "padding", padding)
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise InputError(function, "padding", f"at most half of the kernel size {kernel}", padding)
    return kernel, stride, padding, pair(function, "dilation", dilation, 1)


def _check_fits(function, input, kernel, padding, dilation=(1, 1)):
    for n, k, p, d in zip(input.shape[2:], kernel, padding, dilation):
        if n + 2 * p < d * (k - 1) + 1:
            raise InputError(function, "kernel_size", f"no larger than the padded input {tuple(input.shape[2:])}", kernel)


def _as_batch(function, x):
    """(c, h, w) as a batch of one, and whether it was one."""
    check_input(function, x, (3, 4), "(n, c, h, w) or (c, h, w)")
    return (x, False) if x.ndim == 4 else (x.reshape((1, *x.shape)), True)


@checked
def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest entry of each window; padding never wins. stride defaults to kernel_size.

    The gradient goes to the first largest entry of a window. return_indices: also their flat places in h * w.
    """
    x, single = _as_batch("max_pool2d", input)
    kernel, stride, padding, dilation = _window("max_pool2d", kernel_size, stride, padding, dilation)
    _check_fits("max_pool2d", x, kernel, padding, dilation)
    pool = P.max_pool2d if is_grad_enabled() and getattr(x, "requires_grad", True) else P.max_pool2d_values
    y = pool(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=bool(ceil_mode))
    index = P.max_pool2d_index(x, kernel, stride, padding, dilation, bool(ceil_mode)) if return_indices else None
    if single:
        y, index = y.reshape(y.shape[1:]), index if index is None else index.reshape(index.shape[1:])
    return (y, index) if return_indices else y


@checked
def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of each window. count_include_pad: zeros of the padding count as entries (PyTorch's default)."""
    x, single = _as_batch("avg_pool2d", input)
    kernel, stride, padding, _ = _window("avg_pool2d", kernel_size, stride, padding)
    _check_fits("avg_pool2d", x, kernel, padding)
    if divisor_override is not None and (not isinstance(divisor_override, int) or divisor_override == 0):
        raise InputError("avg_pool2d", "divisor_override", "an int other than 0", divisor_override)
    y = P.avg_pool2d(x, kernel=kernel, stride=stride, padding=padding, ceil_mode=bool(ceil_mode),
                     count_include_pad=bool(count_include_pad), divisor_override=divisor_override)
    return y.reshape(y.shape[1:]) if single else y


def _adaptive_size(function, x, output_size):
    """Output size with None meaning the input's."""
    sizes = (output_size, output_size) if output_size is None or isinstance(output_size, int) else output_size
    good = isinstance(sizes, (tuple, list)) and len(sizes) == 2
    if not good or not all(n is None or (isinstance(n, int) and not isinstance(n, bool) and n >= 1) for n in sizes):
        raise InputError(function, "output_size", "a positive int, or a pair of positive ints or None", output_size)
    if 0 in x.shape[2:]:
        raise InputError(function, "input", "of non-empty height and width", f"shape {tuple(x.shape)}")
    return tuple(n if m is None else m for m, n in zip(sizes, x.shape[2:]))


@checked
def adaptive_avg_pool2d(input, output_size):
    """Means over windows that cut the input into output_size parts: rows floor(i h / oh) to ceil((i + 1) h / oh)."""
    x, single = _as_batch("adaptive_avg_pool2d", input)
    size = _adaptive_size("adaptive_avg_pool2d", x, output_size)
    y = x.mean(dim=(2, 3), keepdim=True) if size == (1, 1) else P.adaptive_avg_pool2d(x, output_size=size)
    return y.reshape(y.shape[1:]) if single else y


@checked
def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maxima over windows that cut the input into output_size parts, as in adaptive_avg_pool2d."""
    x, single = _as_batch("adaptive_max_pool2d", input)
    size = _adaptive_size("adaptive_max_pool2d", x, output_size)
    y = P.adaptive_max_pool2d(x, output_size=size)
    index = P.adaptive_max_pool2d_index(x, size) if return_indices else None
    if single:
        y, index = y.reshape(y.shape[1:]), index if index is None else index.reshape(index.shape[1:])
    return (y, index) if return_indices else y


def _flat(function, pool, input, *options, **more):
    """A 1-d pooling as a 2-d one along rows of height 1."""
    check_input(function, input, (2, 3), "(n, c, l) or (c, l)")
    y = pool(input.reshape((*input.shape[:-1], 1, input.shape[-1])), *options, **more)
    drop = lambda t: t.reshape((*t.shape[:-2], t.shape[-1]))  # noqa: E731
    return tuple(drop(t) for t in y) if isinstance(y, tuple) else drop(y)


def _row(function, name, value, other):
    """One int as a pair for a row of height 1."""
    return None if value is None else (other, *pair(function, name, value, 0, 1))


@checked
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """max_pool2d along one axis: input (n, c, l) or (c, l)."""
    row = [_row("max_pool1d", name, v, o) for name, v, o in (
        ("kernel_size", kernel_size, 1), ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))]
    return _flat("max_pool1d", max_pool2d, input, *row, ceil_mode, return_indices)


@checked
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """avg_pool2d along one axis: input (n, c, l) or (c, l)."""
    row = [_row("avg_pool1d", name, v, o) for name, v, o in (
        ("kernel_size", kernel_size, 1), ("stride", stride, 1), ("padding", padding, 0))]
    return _flat("avg_pool1d", avg_pool2d, input, *row, ceil_mode, count_include_pad)


@checked
def adaptive_avg_pool1d(input, output_size):
    """adaptive_avg_pool2d along one axis."""
    return _flat("adaptive_avg_pool1d", adaptive_avg_pool2d, input, (1, output_size))


@checked
def adaptive_max_pool1d(input, output_size, return_indices=False):
    """adaptive_max_pool2d along one axis."""
    return _flat("adaptive_max_pool1d", adaptive_max_pool2d, input, (1, output_size), return_indices)
