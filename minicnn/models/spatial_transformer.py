"""Spatial transformers: a module that moves, turns and crops what it is given, and learns how from the loss alone.

M. Jaderberg, K. Simonyan, A. Zisserman, K. Kavukcuoglu 2015, Spatial Transformer Networks, section 3 and the appendix on
distorted MNIST. The lecture notes print no sizes. The net that the paper describes for rotated digits of 28 x 28 (ST-CNN):

| part | layers, no padding | output | parameters |
|---|---|---|---|
| localisation | 2x2 pooling; 5x5, 20; 2x2 pooling; 5x5, 20; 20 units | 20 | 520 + 10,020 + 420 |
| regression | 6 units, weights from 0 | 2 x 3 | 126 |
| grid, sampler | read 784 places | 1 x 28 x 28 | 0 |
| features | 9x9, 32; 2x2 pooling; 7x7, 32; 2x2 pooling | 32 x 2 x 2 | 2,624 + 50,208 |
| fc | linear | 10 | 1,290 |
| total | | | 65,208 |
"""

import numpy as np

from .. import nn
from ..errors import InputError
from ..functions import cat, cos, sin
from ..nn import functional as F
from ..tensor import tensor
from .registry import register_model

__all__ = ["SpatialTransformer", "STN", "stn"]

IDENTITY = (1, 0, 0, 0, 1, 0)  # theta, row by row
TURN, RIGHT, DOWN = (0, -1, 0, 1, 0, 0), (0, 0, 1, 0, 0, 0), (0, 0, 0, 0, 0, 1)
# What one unit of each number that the localisation net regresses adds to theta, (27.10).
BASES = {
    "affine": np.eye(6),
    "similarity": (IDENTITY, TURN, RIGHT, DOWN),
    "attention": (IDENTITY, RIGHT, DOWN),
    "translation": (RIGHT, DOWN),
    "rotation": (IDENTITY, TURN),  # of cos - 1 and sin of the one number, the angle
}


def conv_net(in_channels, channels, kernels, side, pool_first=False):
    """(layers, features): for each kernel a convolution without padding, ReLU and 2x2 pooling; the last pooled only if it can be."""
    layers = [nn.MaxPool2d(2)] if pool_first else []
    side = side // 2 if pool_first else side
    for kernel in kernels:
        layers += [nn.Conv2d(in_channels, channels, kernel), nn.ReLU()]
        side, in_channels = side - kernel + 1, channels
        if side > 1:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    if side < 1:
        raise InputError("stn", "kernels", "small enough for the side of the image", tuple(kernels))
    return nn.Sequential(*layers, nn.Flatten()), channels * side * side


class SpatialTransformer(nn.Module):
    """y = x read at the places T(G) that a localisation net chooses for each example, (27.1) and (27.4). It starts as the identity.

    localisation: a module from x to (N, features). transformation: "affine" (6 numbers), "similarity" (4: scale and turn in
    one, shift), "attention" (3: scale, shift), "translation" (2) or "rotation" (1: an angle). output_size: (h, w), by default
    that of x; smaller with "attention" makes a crop. The layer `regression` starts at 0 and is added to the identity, so
    weight decay pulls towards the identity. The module can stand before any layer, and several in one net.
    """

    def __init__(self, localisation, features, transformation="affine", output_size=None, padding_mode="zeros", align_corners=False):
        super().__init__()
        if transformation not in BASES:
            raise InputError("SpatialTransformer", "transformation", "one of " + ", ".join(BASES), repr(transformation))
        self.transformation, self.output_size = transformation, output_size
        self.padding_mode, self.align_corners = padding_mode, align_corners
        self.localisation = localisation
        self.regression = nn.Linear(features, 1 if transformation == "rotation" else len(BASES[transformation]))
        nn.init.zeros_(self.regression.weight)
        nn.init.zeros_(self.regression.bias)
        self.register_buffer("basis", tensor(np.array(BASES[transformation], np.float32)), persistent=False)
        self.register_buffer("identity", tensor(np.array(IDENTITY, np.float32)), persistent=False)

    def theta(self, x):
        """The maps (N, 2, 3) from the output's places to the input's, (27.10)."""
        p = self.regression(self.localisation(x))
        if self.transformation == "rotation":
            p = cat([cos(p) - 1, sin(p)], 1)
        return (self.identity + p @ self.basis).reshape(len(x), 2, 3)

    def grid(self, x):
        """The places (N, h, w, 2) that are read."""
        size = self.output_size or x.shape[2:]
        return F.affine_grid(self.theta(x), (len(x), x.shape[1], *size), self.align_corners)

    def forward(self, x):
        return F.grid_sample(x, self.grid(x), "bilinear", self.padding_mode, self.align_corners)

    def extra_repr(self):
        return f"{self.transformation}, output_size={self.output_size}"


class STN(nn.Module):
    """A spatial transformer, two convolutions, and a linear layer. transformation=None: the same net without the transformer.

    input_size: side of the image. output_size: side of what the transformer hands on, by default the same. kernels: of the
    classifier's convolutions, of `width` channels. localisation: (kernels, channels, units) of the localisation net.
    """

    def __init__(self, num_classes=10, in_channels=1, transformation="affine", input_size=28, output_size=None, width=32,
                 kernels=(9, 7), localisation=((5, 5), 20, 20), **options):
        super().__init__()
        output_size = output_size or input_size
        self.transformer = nn.Identity()
        if transformation is not None:
            looking, features = conv_net(in_channels, localisation[1], localisation[0], input_size, pool_first=True)
            regressing = nn.Sequential(*looking, nn.Linear(features, localisation[2]), nn.ReLU())
            self.transformer = SpatialTransformer(regressing, localisation[2], transformation, (output_size, output_size), **options)
        elif output_size != input_size:
            raise InputError("stn", "output_size", f"input_size, {input_size}, without a transformation", output_size)
        self.features, features = conv_net(in_channels, width, kernels, output_size)
        self.fc = nn.Linear(features, num_classes)

    def forward(self, x):
        return self.fc(self.features(self.transformer(x)))


@register_model(input_size=(1, 28, 28), parameters=65_208, macs=1_901_416,
                small={"width": 8, "kernels": (5, 3), "input_size": 16, "localisation": ((3, 3), 6, 8)}, small_input=(1, 16, 16))
def stn(num_classes=10, in_channels=1, transformation="affine", **options):
    """ST-CNN for distorted digits; options: STN's, and padding_mode and align_corners of SpatialTransformer."""
    return STN(num_classes, in_channels, transformation, **options)
