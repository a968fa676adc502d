"""Residual networks, for ImageNet and for CIFAR, and the plain networks beside them.

K. He, X. Zhang, S. Ren, J. Sun 2015, Deep Residual Learning for Image Recognition, tables 1 and 6. The paper's "FLOPs" are
multiply-adds, with the stride of a bottleneck in its first 1x1; torchvision has it in the 3x3, and so has the default here.

| net | printed | multiply-adds, stride in the 1x1 | in the 3x3 | parameters |
|---|---|---|---|---|
| resnet18 | 1.8e9 | 1,814,073,344 | the same | 11,689,512 |
| resnet34 | 3.6e9 | 3,663,761,408 (3,644,493,824 with option A) | the same | 21,797,672 |
| resnet50 | 3.8e9 | 3,857,973,248 | 4,089,184,256 | 25,557,032 |
| resnet101 | 7.6e9 | 7,570,194,432 | 7,801,405,440 | 44,549,160 |
| resnet152 | 11.3e9 | 11,282,415,616 | 11,513,626,624 | 60,192,808 |

| CIFAR net (option A) | printed | parameters | multiply-adds |
|---|---|---|---|
| resnet20 | 0.27M | 269,722 | 40,551,040 |
| resnet32 | 0.46M | 464,154 | 68,862,592 |
| resnet44 | 0.66M | 658,586 | 97,174,144 |
| resnet56 | 0.85M | 853,018 | 125,485,696 |
| resnet110 | 1.7M | 1,727,962 | 252,887,680 |
| resnet1202 | 19.4M | 19,421,274 | 2,829,238,912 |
"""

from .. import nn
from ..errors import InputError
from ..nn import functional as F
from .registry import register_model

__all__ = ["PadShortcut", "BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
           "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202"]


class PadShortcut(nn.Module):
    """Option A: every stride-th pixel, and channels of zeros appended; no parameters. (12.6)"""

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.stride, self.extra = stride, out_channels - in_channels

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


def make_shortcut(option, in_channels, out_channels, stride):
    """The module on the shortcut, or None for the identity. A: zeros; B: a 1x1 convolution where the shape changes; C: always."""
    if option != "C" and stride == 1 and in_channels == out_channels:
        return None
    if option == "A":
        return PadShortcut(in_channels, out_channels, stride)
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


class Block(nn.Module):
    """y = ReLU(shortcut(x) + F(x)), F the method `residual` of a subclass. shortcut="none": y = ReLU(F(x)). (12.2)"""

    expansion = 1  # output channels over `channels`

    def __init__(self, in_channels, channels, stride=1, shortcut="B"):
        super().__init__()
        self.plain = shortcut == "none"
        self.relu = nn.ReLU()
        self.downsample = None if self.plain else make_shortcut(shortcut, in_channels, channels * self.expansion, stride)

    def forward(self, x):
        y = self.residual(x)
        if not self.plain:
            y = y + (x if self.downsample is None else self.downsample(x))
        return self.relu(y)


class BasicBlock(Block):
    """F: 3x3 convolution, BN, ReLU, 3x3 convolution, BN. The stride is in the first."""

    def __init__(self, in_channels, channels, stride=1, shortcut="B"):
        super().__init__(in_channels, channels, stride, shortcut)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def residual(self, x):
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Bottleneck(Block):
    """F: 1x1 down to `channels`, 3x3, 1x1 up to four times as many, BN after each, ReLU between.

    stride_in_1x1: as in the paper; else in the 3x3, as in torchvision. groups, width_per_group: the 3x3 has
    channels * width_per_group / 64 channels in each of `groups` groups (wide and aggregated nets).
    """

    expansion = 4

    def __init__(self, in_channels, channels, stride=1, shortcut="B", stride_in_1x1=False, groups=1, width_per_group=64):
        super().__init__(in_channels, channels, stride, shortcut)
        width = channels * width_per_group // 64 * groups
        first, second = (stride, 1) if stride_in_1x1 else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * 4)

    def residual(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.bn3(self.conv3(y))


class ResNet(nn.Module):
    """A stem, stages of blocks that halve the picture and double the channels from one to the next, average, one linear layer.

    layers: blocks in each stage. width: channels of the first stage. small_images: the CIFAR stem, one 3x3 at stride 1, for
    a 7x7 and a pooling that quarter the side. shortcut: "A", "B", "C", or "none" for the plain net. block_options go to the
    blocks. Convolutions start as He's, by the fan out; zero_init_residual: the last BN of each F starts at 0, (12.10).
    """

    def __init__(self, block, layers, num_classes=1000, *, in_channels=3, width=64, small_images=False, shortcut="B",
                 zero_init_residual=False, **block_options):
        super().__init__()
        if shortcut not in ("A", "B", "C", "none"):
            raise InputError("ResNet", "shortcut", "'A', 'B', 'C' or 'none'", repr(shortcut))
        self.conv1 = nn.Conv2d(in_channels, width, *((3, 1, 1) if small_images else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, 2, 1)
        self.stages, c = [f"layer{k + 1}" for k in range(len(layers))], width
        for k, name in enumerate(self.stages):
            blocks = []
            for i in range(layers[k]):
                blocks.append(block(c, width * 2 ** k, 2 if k > 0 and i == 0 else 1, shortcut, **block_options))
                c = width * 2 ** k * block.expansion
            self.add_module(name, nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(c, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if zero_init_residual and isinstance(module, Block):
                nn.init.zeros_((module.bn3 if hasattr(module, "bn3") else module.bn2).weight)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = getattr(self, name)(x)
        return self.fc(self.avgpool(x).flatten(1))


SMALL = {"small": {"width": 8, "layers": (1, 1, 1, 1)}, "small_input": (3, 32, 32)}


@register_model(input_size=(3, 224, 224), parameters=11_689_512, macs=1_814_073_344, **SMALL)
def resnet18(num_classes=1000, layers=(2, 2, 2, 2), **options):
    """18 layers of weights: 1 + 2 * 8 + 1. options: ResNet's."""
    return ResNet(BasicBlock, layers, num_classes, **options)


@register_model(input_size=(3, 224, 224), parameters=21_797_672, macs=3_663_761_408, **SMALL)
def resnet34(num_classes=1000, layers=(3, 4, 6, 3), **options):
    """1 + 2 * 16 + 1 layers."""
    return ResNet(BasicBlock, layers, num_classes, **options)


@register_model(input_size=(3, 224, 224), parameters=25_557_032, macs=4_089_184_256, **SMALL)
def resnet50(num_classes=1000, layers=(3, 4, 6, 3), **options):
    """1 + 3 * 16 + 1 layers; stride_in_1x1=True is the paper's."""
    return ResNet(Bottleneck, layers, num_classes, **options)


@register_model(input_size=(3, 224, 224), parameters=44_549_160, macs=7_801_405_440, **SMALL)
def resnet101(num_classes=1000, layers=(3, 4, 23, 3), **options):
    """1 + 3 * 33 + 1 layers."""
    return ResNet(Bottleneck, layers, num_classes, **options)


@register_model(input_size=(3, 224, 224), parameters=60_192_808, macs=11_513_626_624, **SMALL)
def resnet152(num_classes=1000, layers=(3, 8, 36, 3), **options):
    """1 + 3 * 50 + 1 layers."""
    return ResNet(Bottleneck, layers, num_classes, **options)


def cifar_resnet(depth, parameters, macs):
    """The factory of the CIFAR net of depth 6n + 2: three stages of n blocks with 16, 32 and 64 channels. (12.11)"""
    n = (depth - 2) // 6

    def factory(num_classes=10, layers=(n, n, n), width=16, shortcut="A", **options):
        return ResNet(BasicBlock, layers, num_classes, width=width, small_images=True, shortcut=shortcut, **options)

    factory.__name__ = factory.__qualname__ = f"resnet{depth}"
    factory.__doc__ = f"1 + 2 * {3 * n} + 1 layers, for 32x32. options: ResNet's; shortcut='none' makes plain-{depth}."
    return register_model(input_size=(3, 32, 32), parameters=parameters, macs=macs, **SMALL)(factory)


resnet20 = cifar_resnet(20, 269_722, 40_551_040)
resnet32 = cifar_resnet(32, 464_154, 68_862_592)
resnet44 = cifar_resnet(44, 658_586, 97_174_144)
resnet56 = cifar_resnet(56, 853_018, 125_485_696)
resnet110 = cifar_resnet(110, 1_727_962, 252_887_680)
resnet1202 = cifar_resnet(1202, 19_421_274, 2_829_238_912)
