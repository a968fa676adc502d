"""AlexNet: the two towers of the paper, and the single one of torchvision.

A. Krizhevsky, I. Sutskever, G. Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks, figure 2. Printed are
60 million parameters and input 224, from which an unpadded 11x11 at stride 4 makes 54 x 54, not the printed 55: 227 does.

| layer | printed | kernels, each tower sees | output at 227 | parameters | multiply-adds |
|---|---|---|---|---|---|
| conv1, LRN, pool | 96 of 11x11, stride 4 | 3 | 55, pool 27 | 34,944 | 105,415,200 |
| conv2, LRN, pool | 256 of 5x5 | 48: its own | 27, pool 13 | 307,456 | 223,948,800 |
| conv3 | 384 of 3x3 | 256: both | 13 | 885,120 | 149,520,384 |
| conv4 | 384 of 3x3 | 192: its own | 13 | 663,936 | 112,140,288 |
| conv5, pool | 256 of 3x3 | 192: its own | 13, pool 6 | 442,624 | 74,760,192 |
| fc6, fc7 | 4096, 4096 | all | 1 | 37,752,832 + 16,781,312 | 37,748,736 + 16,777,216 |
| fc8 | 1000 | all | 1 | 4,097,000 | 4,096,000 |
| total | 60 million | | | 60,965,224 | 724,406,816 |

torchvision's `alexnet` is the net of Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks: one tower of
64, 192, 384, 256, 256 kernels, no LRN, padding 2 in the first layer: 61,100,840 parameters, 714,188,480 multiply-adds at 224.
"""

from .. import nn
from ..errors import InputError
from .registry import register_model

__all__ = ["AlexNet", "alexnet", "alexnet_two_tower"]


class AlexNet(nn.Module):
    """Five convolutions, three overlapping poolings (3x3, stride 2), three dense layers; after each layer but the last a ReLU.

    channels: kernels of each convolution. towers: groups of the second, fourth and fifth. padding: of the first. lrn: local
    response normalization after the first two. grid: 6 for the sizes above; other sizes are averaged down or repeated up to it.
    activation: nn.Tanh, say, for nn.ReLU. Weights start as nn.Conv2d and nn.Linear do; paper_init: normal with standard deviation
    0.01, biases 0, but 1 where the paper has it (conv2, conv4, conv5, fc6, fc7), so that the ReLUs begin with positive inputs.
    """

    def __init__(self, channels=(64, 192, 384, 256, 256), num_classes=1000, *, towers=1, padding=2, lrn=False, hidden=4096,
                 in_channels=3, grid=6, dropout=0.5, activation=nn.ReLU, paper_init=False):
        super().__init__()
        if len(channels) != 5 or any(c % towers for c in channels):
            raise InputError("AlexNet", "channels", f"five numbers that {towers} towers divide", channels)
        a, b, c, d, e = channels

        def normalization():
            return [nn.LocalResponseNorm(5, alpha=5e-4, k=2.0)] if lrn else []  # the paper's alpha is 1e-4, not divided by 5

        self.features = nn.Sequential(
            nn.Conv2d(in_channels, a, 11, 4, padding), activation(), *normalization(), nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, 1, 2, groups=towers), activation(), *normalization(), nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, 1, 1), activation(),
            nn.Conv2d(c, d, 3, 1, 1, groups=towers), activation(),
            nn.Conv2d(d, e, 3, 1, 1, groups=towers), activation(), nn.MaxPool2d(3, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(e * grid * grid, hidden), activation(),
            nn.Dropout(dropout), nn.Linear(hidden, hidden), activation(),
            nn.Linear(hidden, num_classes))
        if paper_init:
            layers = [m for m in self.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
            for i, layer in enumerate(layers):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.constant_(layer.bias, 1.0 if i in (1, 3, 4, 5, 6) else 0.0)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


SMALL = {"channels": (8, 16, 16, 16, 16), "hidden": 32, "grid": 1, "dropout": 0.0}


@register_model(input_size=(3, 224, 224), parameters=61_100_840, macs=714_188_480, small=SMALL, small_input=(3, 63, 63))
def alexnet(num_classes=1000, channels=(64, 192, 384, 256, 256), **options):
    """torchvision's: one tower. options: AlexNet's."""
    return AlexNet(channels, num_classes, **options)


@register_model(input_size=(3, 227, 227), parameters=60_965_224, macs=724_406_816, small=SMALL, small_input=(3, 67, 67))
def alexnet_two_tower(num_classes=1000, channels=(96, 256, 384, 384, 256), towers=2, **options):
    """The paper's: two towers, local response normalization, no padding in the first layer. towers=1: each kernel sees all."""
    return AlexNet(channels, num_classes, **{"towers": towers, "padding": 0, "lrn": True, **options})
