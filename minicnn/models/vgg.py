"""VGG: nothing but 3x3 convolutions, max pooling and three dense layers, in the six columns of one table.

K. Simonyan, A. Zisserman 2014, Very Deep Convolutional Networks for Large-Scale Image Recognition, table 1. 3x3 convolutions in
each of the five stages, a 2x2 max pooling after each stage; channels 64, 128, 256, 512, 512; then 4096, 4096, 1000.

| column | layers printed | 3x3 per stage | factory | parameters, printed | counted | multiply-adds at 224 | with BN |
|---|---|---|---|---|---|---|---|
| A | 11 | 1 1 2 2 2 | vgg11 | 133M | 132,863,336 | 7,609,090,048 | 132,868,840 |
| A-LRN | 11 | 1 1 2 2 2 | vgg11_lrn | 133M | 132,863,336 | 7,609,090,048 | - |
| B | 13 | 2 2 2 2 2 | vgg13 | 133M | 133,047,848 | 11,308,466,176 | 133,053,736 |
| C | 16 | 2 2 3 3 3, the third 1x1 | vgg16_c | 134M | 133,638,952 | 11,770,888,192 | - |
| D | 16 | 2 2 3 3 3 | vgg16 | 138M | 138,357,544 | 15,470,264,320 | 138,365,992 |
| E | 19 | 2 2 4 4 4 | vgg19 | 144M | 143,667,240 | 19,632,062,464 | 143,678,248 |

Batch normalization came a year later; the _bn forms are torchvision's, as are the keys of state_dict (it has no vgg11_lrn, vgg16_c).
"""

from .. import nn
from .registry import register_model

__all__ = ["VGG", "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "vgg11_lrn", "vgg16_c"]


class VGG(nn.Module):
    """Five stages of 3x3 convolutions with ReLU, each halved by a 2x2 pooling; average pooling to grid x grid; three dense layers.

    layers: convolutions in each stage; stage i has width * (1, 2, 4, 8, 8)[i] channels. lrn: local response normalization after
    the first convolution. last_1x1: the last convolution of the third stage and of those after it is 1x1. grid: 7 for the paper's
    224 x 224, which leaves 7 x 7; other sizes are averaged down or repeated up to it. pooling: nn.AvgPool2d, say, for nn.MaxPool2d.
    Convolutions start as He's, by the fan out, dense layers with a standard deviation of 0.01, biases at 0: as in torchvision.
    """

    def __init__(self, layers, num_classes=1000, *, batch_norm=False, lrn=False, last_1x1=False, width=64, hidden=4096,
                 in_channels=3, grid=7, dropout=0.5, pooling=nn.MaxPool2d):
        super().__init__()
        modules, c = [], in_channels
        for i, count in enumerate(layers):
            for j in range(count):
                k = 1 if last_1x1 and i >= 2 and j == count - 1 else 3
                out = width * min(2 ** i, 8)
                modules += [nn.Conv2d(c, out, k, padding=k // 2), *([nn.BatchNorm2d(out)] if batch_norm else []), nn.ReLU()]
                if lrn and i == j == 0:
                    modules.append(nn.LocalResponseNorm(5, alpha=5e-4, k=2.0))  # the paper's alpha is 1e-4, not divided by 5
                c = out
            modules.append(pooling(2, 2))
        self.features = nn.Sequential(*modules)
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = nn.Sequential(
            nn.Linear(c * grid * grid, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


A, B, D, E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)
FACTS = {"input_size": (3, 224, 224), "small": {"layers": (1, 1, 1, 1, 1), "width": 8, "hidden": 32, "grid": 1, "dropout": 0.0},
         "small_input": (3, 32, 32)}


@register_model(parameters=132_863_336, macs=7_609_090_048, **FACTS)
def vgg11(num_classes=1000, layers=A, **options):
    """Column A: 8 convolutions and 3 dense layers. options: VGG's."""
    return VGG(layers, num_classes, **options)


@register_model(parameters=133_047_848, macs=11_308_466_176, **FACTS)
def vgg13(num_classes=1000, layers=B, **options):
    """Column B: 10 + 3 layers."""
    return VGG(layers, num_classes, **options)


@register_model(parameters=138_357_544, macs=15_470_264_320, **FACTS)
def vgg16(num_classes=1000, layers=D, **options):
    """Column D: 13 + 3 layers."""
    return VGG(layers, num_classes, **options)


@register_model(parameters=143_667_240, macs=19_632_062_464, **FACTS)
def vgg19(num_classes=1000, layers=E, **options):
    """Column E: 16 + 3 layers."""
    return VGG(layers, num_classes, **options)


@register_model(parameters=132_868_840, macs=7_609_090_048, **FACTS)
def vgg11_bn(num_classes=1000, layers=A, **options):
    """Column A with batch normalization after each convolution."""
    return VGG(layers, num_classes, batch_norm=True, **options)


@register_model(parameters=133_053_736, macs=11_308_466_176, **FACTS)
def vgg13_bn(num_classes=1000, layers=B, **options):
    """Column B with batch normalization."""
    return VGG(layers, num_classes, batch_norm=True, **options)


@register_model(parameters=138_365_992, macs=15_470_264_320, **FACTS)
def vgg16_bn(num_classes=1000, layers=D, **options):
    """Column D with batch normalization."""
    return VGG(layers, num_classes, batch_norm=True, **options)


@register_model(parameters=143_678_248, macs=19_632_062_464, **FACTS)
def vgg19_bn(num_classes=1000, layers=E, **options):
    """Column E with batch normalization."""
    return VGG(layers, num_classes, batch_norm=True, **options)


@register_model(parameters=132_863_336, macs=7_609_090_048, **FACTS)
def vgg11_lrn(num_classes=1000, layers=A, **options):
    """Column A-LRN: A with local response normalization after its first convolution."""
    return VGG(layers, num_classes, lrn=True, **options)


@register_model(parameters=133_638_952, macs=11_770_888_192, **FACTS)
def vgg16_c(num_classes=1000, layers=D, **options):
    """Column C: as D, with a 1x1 convolution for the last 3x3 of each of the last three stages."""
    return VGG(layers, num_classes, last_1x1=True, **options)
