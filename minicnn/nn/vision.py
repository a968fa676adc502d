"""Resizing, padding and pixel-shuffling layers; see the functions of the same names in nn.functional."""

from ..ops.checks import NUMBER, checked
from . import functional as F
from .checks import tuple_of
from .module import Module

__all__ = ["Upsample", "PixelShuffle", "PixelUnshuffle", "Unfold", "Fold", "ZeroPad2d", "ConstantPad2d", "ReflectionPad2d",
           "ReplicationPad2d", "CircularPad2d"]


class Upsample(Module):
    """An image in another size, by the nearest pixel or bilinearly."""

    @checked(value=NUMBER)
    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None):
        super().__init__()
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, input):
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self):
        which = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{which}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Channels spread over r x r blocks of pixels."""

    @checked(value=NUMBER)
    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Blocks of r x r pixels gathered into channels."""

    @checked(value=NUMBER)
    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"


class Unfold(Module):
    """Every patch of an image as a column (im2col)."""

    @checked(value=NUMBER)
    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns added back into an image (col2im)."""

    @checked(value=NUMBER)
    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size, self.kernel_size, self.dilation = output_size, kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input):
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"output_size={self.output_size}, kernel_size={self.kernel_size}"


class _Pad2d(Module):
    """padding: one int, or (left, right, top, bottom)."""

    mode, value = "constant", None

    @checked(value=NUMBER)
    def __init__(self, padding):
        super().__init__()
        self.padding = tuple_of(type(self).__name__, "padding", padding, -(2**31), 4)

    def forward(self, input):
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(_Pad2d):
    """Zeros around an image."""


class ConstantPad2d(_Pad2d):
    """One number around an image."""

    @checked(value=NUMBER)
    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value


class ReflectionPad2d(_Pad2d):
    """The image mirrored at its border pixels."""

    mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """The border pixels repeated."""

    mode = "replicate"


class CircularPad2d(_Pad2d):
    """The image continued from its other side."""

    mode = "circular"
