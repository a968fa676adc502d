"""Convolutions, transposed convolutions, unfold and fold, as torch.nn.functional has them."""

from ...errors import InputError
from ...ops import columns as C
from ...ops import conv as O
from ...ops import shape as S
from ...ops.checks import checked
from .checks import check_dtypes, check_input, pair

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "unfold", "fold"]


def _same_padding(function, kernel, stride, dilation):
    """Total padding d (k - 1) per axis, the odd one after, for stride 1."""
    if any(s != 1 for s in stride):
        raise InputError(function, "padding", "a number with a stride above 1", "'same'")
    total = [d * (k - 1) for k, d in zip(kernel, dilation)]
    return [(t // 2, t - t // 2) for t in total]


def _check_weight(function, input, weight, bias, groups, channels, out_channels):
    """Channels, groups and bias must fit together."""
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise InputError(function, "groups", "a positive int", repr(groups))
    if input.shape[1] % groups or weight.shape[0] % groups:
        raise InputError(function, "groups", f"a divisor of the {input.shape[1]} input channels and of weight's {weight.shape[0]}",
                         groups)
    if input.shape[1] != channels:
        expected = f"of {channels} channels for a weight of shape {tuple(weight.shape)} and groups={groups}"
        raise InputError(function, "input", expected,
                         f"shape {tuple(input.shape)}")
    check_dtypes(function, input, weight=weight, bias=bias)
    if bias is not None and tuple(bias.shape) != (out_channels,):
        raise InputError(function, "bias", f"of shape ({out_channels},)", f"shape {tuple(bias.shape)}")


@checked
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n,f,i,j] = b[f] + sum over c,a,b of w[f,c,a,b] x[n, c, s i + d a - p, s j + d b - p].

    input (n, c, h, w) or (c, h, w), weight (f, c/groups, kh, kw), padding an int, a pair, 'valid' or 'same' (stride 1).
    Output side floor((h + 2p - d (kh - 1) - 1) / s) + 1. It is cross-correlation: the kernel is not flipped.
    """
    check_input("conv2d", input, (3, 4), "(n, c, h, w) or (c, h, w)")
    check_input("conv2d", weight, (4,), "(out_channels, in_channels / groups, kh, kw)", "weight")
    if input.ndim == 3:
        y = conv2d(input.reshape((1, *input.shape)), weight, bias, stride, padding, dilation, groups)
        return y.reshape(y.shape[1:])
    stride, dilation = pair("conv2d", "stride", stride, 1), pair("conv2d", "dilation", dilation, 1)
    _check_weight("conv2d", input, weight, bias, groups, weight.shape[1] * groups, weight.shape[0])
    kernel = weight.shape[2:]
    if isinstance(padding, str) and padding == "same":
        sides = _same_padding("conv2d", kernel, stride, dilation)
        padding = tuple(before for before, _ in sides)
        if any(before != after for before, after in sides):
            widths = ((0, 0), (0, 0), *((0, after - before) for before, after in sides))
            input = S.pad_zeros(input, widths=widths)
    elif isinstance(padding, str) and padding == "valid":
        padding = (0, 0)
    padding = pair("conv2d", "padding", padding)
    for axis, name in enumerate(("height", "width")):
        reach, size = dilation[axis] * (kernel[axis] - 1) + 1, input.shape[2 + axis] + 2 * padding[axis]
        if reach > size:
            raise InputError("conv2d", "input", f"of padded {name} at least {reach}, which the kernel covers", size)
    y = O.conv2d(input, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y if bias is None else y + S.reshape(bias, shape=(1, -1, 1, 1))


@checked
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """conv2d along one axis: input (n, c, l) or (c, l), weight (f, c/groups, k)."""
    check_input("conv1d", input, (2, 3), "(n, c, l) or (c, l)")
    check_input("conv1d", weight, (3,), "(out_channels, in_channels / groups, k)", "weight")
    stride, dilation = pair("conv1d", "stride", stride, 1, 1), pair("conv1d", "dilation", dilation, 1, 1)
    if not isinstance(padding, str):
        padding = (0, *pair("conv1d", "padding", padding, 0, 1))
    image = input.reshape((*input.shape[:-1], 1, input.shape[-1]))
    kernel = weight.reshape((*weight.shape[:-1], 1, weight.shape[-1]))
    y = conv2d(image, kernel, bias, (1, *stride), padding, (1, *dilation), groups)
    return y.reshape((*y.shape[:-2], y.shape[-1]))


@checked
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of conv2d with the same options: input (n, f, h, w), weight (f, c/groups, kh, kw), result (n, c, h', w').

    h' = (h - 1) s - 2p + d (kh - 1) + output_padding + 1. The weight is laid out as for the conv2d it is adjoint to.
    """
    check_input("conv_transpose2d", input, (3, 4), "(n, c, h, w) or (c, h, w)")
    check_input("conv_transpose2d", weight, (4,), "(in_channels, out_channels / groups, kh, kw)", "weight")
    if input.ndim == 3:
        y = conv_transpose2d(input.reshape((1, *input.shape)), weight, bias, stride, padding, output_padding, groups, dilation)
        return y.reshape(y.shape[1:])
    name = "conv_transpose2d"
    stride, dilation = pair(name, "stride", stride, 1), pair(name, "dilation", dilation, 1)
    padding, extra = pair(name, "padding", padding), pair(name, "output_padding", output_padding)
    _check_weight(name, input, weight, bias, groups, weight.shape[0], weight.shape[1] * groups)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise InputError(name, "output_padding", f"smaller than stride {stride} or dilation {dilation}", extra)
    more = tuple(e // s for e, s in zip(extra, stride))
    if any(more):  # an output_padding of a stride or more lies beyond what any input pixel reaches: the pixels there are zeros
        input = S.pad_zeros(input, widths=((0, 0), (0, 0), *((0, m) for m in more)))
        extra = tuple(e - m * s for e, m, s in zip(extra, more, stride))
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1
                 for n, s, p, d, k, e in zip(input.shape[2:], stride, padding, dilation, weight.shape[2:], extra))
    if min(size) < 1:
        raise InputError(name, "padding", "small enough to leave an output", f"output size {size}")
    y = O.conv2d_input(input, weight, input_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y if bias is None else y + bias.reshape((1, -1, 1, 1))


@checked
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """conv_transpose2d along one axis: input (n, f, l) or (f, l), weight (f, c/groups, k)."""
    name = "conv_transpose1d"
    check_input(name, input, (2, 3), "(n, c, l) or (c, l)")
    check_input(name, weight, (3,), "(in_channels, out_channels / groups, k)", "weight")
    options = [(first, *pair(name, what, value, low, 1)) for first, what, value, low in (
        (1, "stride", stride, 1), (0, "padding", padding, 0), (0, "output_padding", output_padding, 0))]
    image = input.reshape((*input.shape[:-1], 1, input.shape[-1]))
    kernel = weight.reshape((*weight.shape[:-1], 1, weight.shape[-1]))
    y = conv_transpose2d(image, kernel, bias, *options, groups, (1, *pair(name, "dilation", dilation, 1, 1)))
    return y.reshape((*y.shape[:-2], y.shape[-1]))


@checked
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every patch as a column: (n, c, h, w) -> (n, c kh kw, places), im2col. The adjoint of fold."""
    check_input("unfold", input, (4,), "(n, c, h, w)")
    kernel, options = _window("unfold", kernel_size, dilation, padding, stride)
    cols = C.im2col(input, kernel=kernel, **options)
    return cols.reshape((cols.shape[0], -1, cols.shape[-2] * cols.shape[-1]))


@checked
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns added back where unfold took them: (n, c kh kw, places) -> (n, c, *output_size), col2im."""
    check_input("fold", input, (3,), "(n, c kh kw, places)")
    size = pair("fold", "output_size", output_size, 1)
    kernel, options = _window("fold", kernel_size, dilation, padding, stride)
    if input.shape[1] % (kernel[0] * kernel[1]):
        raise InputError("fold", "input", f"with a multiple of {kernel[0] * kernel[1]} rows", f"shape {tuple(input.shape)}")
    out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in
           zip(size, options["padding"], options["dilation"], kernel, options["stride"])]
    if out[0] * out[1] != input.shape[2]:
        raise InputError("fold", "input", f"with {out[0]} x {out[1]} = {out[0] * out[1]} columns", f"shape {tuple(input.shape)}")
    channels = input.shape[1] // (kernel[0] * kernel[1])
    cols = input.reshape((input.shape[0], channels, *kernel, *out))
    return C.col2im(cols, size=size, **options)


def _window(function, kernel_size, dilation, padding, stride):
    kernel = pair(function, "kernel_size", kernel_size, 1)
    return kernel, {"dilation": pair(function, "dilation", dilation, 1), "padding": pair(function, "padding", padding),
                    "stride": pair(function, "stride", stride, 1)}
