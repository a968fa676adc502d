"""How far one unit of a chain of convolutions and poolings sees."""

from .. import nn
from ..errors import InputError

__all__ = ["receptive_field", "windows"]

LOCAL = (nn.Conv1d, nn.Conv2d, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d)
UNLIMITED = (nn.Linear, nn.Flatten, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
             nn.ConvTranspose1d, nn.ConvTranspose2d)


def receptive_field(layers):
    """r = 1 + sum over layers l of d_l (k_l - 1) prod_{i < l} s_i: how many pixels in a row the last layer's unit sees.

    layers: triples (kernel size, stride, dilation), or pairs, dilation 1, from the image up; or a chain of layers, nn.Sequential.
    Note 6, equation (6.1).
    """
    if isinstance(layers, nn.Module):
        layers = windows(layers)
    size, jump = 1, 1
    for layer in layers:
        if not isinstance(layer, (tuple, list)) or len(layer) not in (2, 3) or any(not isinstance(n, int) or n < 1 for n in layer):
            raise InputError("receptive_field", "layers", "(kernel size, stride, dilation) of positive whole numbers", repr(layer))
        k, s, d = (*layer, 1)[:3]
        size += d * (k - 1) * jump
        jump *= s
    return size


def windows(chain):
    """The triples (kernel size, stride, dilation) of a chain of layers; what acts on each pixel alone is passed over."""
    found = []
    for module in chain.children() if isinstance(chain, nn.Sequential) else [chain]:
        if isinstance(module, nn.Sequential):
            found += windows(module)
        elif isinstance(module, LOCAL):
            numbers = [module.kernel_size, module.stride, getattr(module, "dilation", 1)]
            sides = {n if isinstance(n, tuple) else (n,) for n in numbers}
            if any(len(set(side)) > 1 for side in sides):
                raise InputError("windows", "chain", "of square windows, strides and dilations", repr(module))
            found.append(tuple(n[0] if isinstance(n, tuple) else n for n in numbers))
        elif isinstance(module, UNLIMITED) or next(module.children(), None) is not None:
            raise InputError("windows", "chain", "an nn.Sequential of convolutions, poolings and layers that act on each pixel",
                             type(module).__name__, "Pass the part before it, such as model.features")
    return found
