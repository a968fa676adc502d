"""Convolutional layers."""

import math

from ..create import empty
from ..errors import InputError
from ..ops.checks import FLAG, checked
from . import functional as F
from .checks import positive, tuple_of
from .linear import fill_default
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class _Conv(Module):
    """What all convolutional layers share: their arguments, checked, and parameters with PyTorch's default values."""

    dims, transposed = 2, False

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                 output_padding=0):
        super().__init__()
        name, n = type(self).__name__, self.dims
        positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise InputError(name, "groups", f"a divisor of in_channels {in_channels} and out_channels {out_channels}", groups)
        if not isinstance(padding_mode, str) or padding_mode not in PADDING_MODES or (self.transposed and padding_mode != "zeros"):
            raise InputError(name, "padding_mode", "'zeros'" if self.transposed else f"one of {', '.join(PADDING_MODES)}",
                             repr(padding_mode))
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size = tuple_of(name, "kernel_size", kernel_size, 1, n)
        self.stride = tuple_of(name, "stride", stride, 1, n)
        self.dilation = tuple_of(name, "dilation", dilation, 1, n)
        self.output_padding = tuple_of(name, "output_padding", output_padding, 0, n)
        if isinstance(padding, str):
            if padding not in ("same", "valid") or self.transposed:
                raise InputError(name, "padding", "ints, 'same' or 'valid'" if not self.transposed else "ints", repr(padding))
            if padding == "same" and any(s != 1 for s in self.stride):
                raise InputError(name, "padding", "a number with a stride above 1", "'same'")
            self.padding = padding
        else:
            self.padding = tuple_of(name, "padding", padding, 0, n)
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(empty(first, second // groups, *self.kernel_size))
        self.register_parameter("bias", Parameter(empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the parameters anew."""
        fill_default(self.weight, self.bias, math.prod(self.weight.shape[1:]))

    def _padded(self, input):
        """(input, padding) after a padding mode other than zeros has been applied to the input."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return input, self.padding
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            sides = [(t // 2, t - t // 2) for t in total]
        else:
            sides = [(p, p) for p in self.padding]
        return F.pad(input, [n for pair in reversed(sides) for n in pair], mode=PADDING_MODES[self.padding_mode]), 0

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding not in ((0,) * self.dims, "valid"):
            text += f", padding={self.padding!r}"
        if any(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.dilation != (1,) * self.dims:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text + ("" if self.padding_mode == "zeros" else f", padding_mode={self.padding_mode}")


class Conv2d(_Conv):
    """Cross-correlation of images (n, c, h, w); weight (out, in/groups, kh, kw). See functional.conv2d."""

    @checked(bias=FLAG)
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros"):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)

    def forward(self, input):
        x, padding = self._padded(input)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """Cross-correlation of sequences (n, c, l); weight (out, in/groups, k). See functional.conv1d."""

    dims = 1

    @checked(bias=FLAG)
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros"):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)

    def forward(self, input):
        x, padding = self._padded(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose2d(_Conv):
    """The adjoint of a Conv2d; weight (in, out/groups, kh, kw). See functional.conv_transpose2d."""

    transposed = True

    @checked(bias=FLAG)
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
                 dilation=1, padding_mode="zeros"):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         output_padding)

    def forward(self, input):
        return F.conv_transpose2d(input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
                                  self.dilation)


class ConvTranspose1d(_Conv):
    """The adjoint of a Conv1d; weight (in, out/groups, k). See functional.conv_transpose1d."""

    dims, transposed = 1, True

    @checked(bias=FLAG)
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
                 dilation=1, padding_mode="zeros"):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         output_padding)

    def forward(self, input):
        return F.conv_transpose1d(input, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
                                  self.dilation)
