"""GoogLeNet: nine inception modules, as torchvision builds it and as the paper prints it.

C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke, A. Rabinovich 2014, Going Deeper with
Convolutions, table 1. Here: googlenet(paper_kernels=True), weights without biases; K = 1024, M = 10^6 multiply-adds.

| row | output, printed and here | params printed | weights here | in K | ops printed | multiply-adds here | verdict |
|---|---|---|---|---|---|---|---|
| convolution 7x7/2 | 112x112x64 | 2.7K | 9,408 | 9.2 | 34M | 118,013,952 | wrong, both: a separable 7x7 has 2,712 and 34.0M |
| convolution 3x3/1 | 56x56x192 | 112K | 114,688 | 112.0 | 360M | 359,661,568 | ok |
| inception 3a | 28x28x256 | 159K | 163,328 | 159.5 | 128M | 128,049,152 | ok, cut off |
| inception 3b | 28x28x480 | 380K | 388,096 | 379.0 | 304M | 304,267,264 | ok with the 640 biases |
| inception 4a | 14x14x512 | 364K | 375,552 | 366.8 | 73M | 73,608,192 | params 0.8 % low |
| inception 4b | 14x14x512 | 437K | 448,512 | 438.0 | 88M | 87,908,352 | params 1K low |
| inception 4c | 14x14x512 | 463K | 509,440 | 497.5 | 100M | 99,850,240 | params wrong, 7 % low |
| inception 4d | 14x14x528 | 580K | 604,672 | 590.5 | 119M | 118,515,712 | params 1.8 % low |
| inception 4e | 14x14x832 | 840K | 867,328 | 847.0 | 170M | 169,996,288 | params 0.8 % low |
| inception 5a | 7x7x832 | 1072K | 1,042,432 | 1018.0 | 54M | 51,079,168 | wrong, both: 5 % high |
| inception 5b | 7x7x1024 | 1388K | 1,442,816 | 1409.0 | 71M | 70,697,984 | params 1.5 % low |
| linear | 1x1x1000 | 1000K | 1,024,000 | 1000.0 | 1M | 1,024,000 | ok |
| sum | | 6.8M | 6,990,272 | | 1.50G | 1,582,671,872 | with biases 6,998,552 |

With both auxiliary heads 13,378,280. torchvision's net has batch normalization and no biases in its convolutions, and 3x3 kernels
where the table says 5x5 (its issue 906): 6,624,904 parameters, 13,004,888 with the heads.
"""

from collections import namedtuple

from .. import nn
from ..functions import cat
from ..nn import functional as F
from .registry import register_model

__all__ = ["Inception", "AuxiliaryHead", "GoogLeNet", "GoogLeNetOutputs", "googlenet"]

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ("logits", "aux_logits2", "aux_logits1"))

MODULES = {  # table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}


class ConvUnit(nn.Module):
    """Convolution, batch normalization (without it the convolution has a bias), ReLU."""

    def __init__(self, in_channels, out_channels, kernel_size, bn=True, **options):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, bias=not bn, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if bn else None

    def forward(self, x):
        x = self.conv(x)
        return F.relu(x if self.bn is None else self.bn(x))


class Inception(nn.Module):
    """Four branches on the same input, their channels one after the other. (7.1)

    1x1 | 1x1 reduce, 3x3 | 1x1 reduce, k x k, k = 5 in the paper and 3 in torchvision | 3x3 max pooling, 1x1 projection.
    """

    def __init__(self, in_channels, n1, r3, n3, r5, n5, pool, kernel=3, bn=True):
        super().__init__()
        self.branch1 = ConvUnit(in_channels, n1, 1, bn)
        self.branch2 = nn.Sequential(ConvUnit(in_channels, r3, 1, bn), ConvUnit(r3, n3, 3, bn, padding=1))
        self.branch3 = nn.Sequential(ConvUnit(in_channels, r5, 1, bn), ConvUnit(r5, n5, kernel, bn, padding=kernel // 2))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), ConvUnit(in_channels, pool, 1, bn))

    def forward(self, x):
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class AuxiliaryHead(nn.Module):
    """A classifier on the way: average to 4x4, 1x1 convolution, two linear layers. Only training uses it. (7.11)"""

    def __init__(self, in_channels, num_classes, channels, hidden, pool, dropout, bn):
        super().__init__()
        self.pool, self.conv = pool, ConvUnit(in_channels, channels, 1, bn)
        self.fc1, self.fc2 = nn.Linear(16 * channels, hidden), nn.Linear(hidden, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.conv(self.pool(x)).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


class GoogLeNet(nn.Module):
    """Stem, modules 3a to 5b, average, one linear layer. In training with heads: (logits, of the head after 4d, after 4a).

    paper_kernels: table 1 to the letter: real 5x5, biases and no batch normalization, every pooling 3x3, heads that average 5x5
    at stride 3. lrn: local response normalization before and after the second row, as in figure 3 (constants of the release,
    the paper prints none). width: channels of the first convolution, all others in proportion. small_images: a 3x3 stem at
    stride 1, without its pooling; 28 pixels and more. transform_input: images normalized for torchvision, mapped to (x - 0.5) / 0.5.
    Weights start as torchvision's; with paper_kernels, which no batch normalization mends, as He's (chapter 9).
    """

    def __init__(self, num_classes=1000, aux_logits=True, transform_input=False, dropout=0.2, dropout_aux=0.7, *,
                 paper_kernels=False, lrn=False, width=64, in_channels=3, small_images=False):
        super().__init__()
        self.aux_logits, self.transform_input, bn = aux_logits, transform_input, not paper_kernels

        def scaled(channels):
            return max(1, channels * width // 64)

        def norm():
            return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75) if lrn else nn.Identity()

        kernel, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = ConvUnit(in_channels, width, kernel, bn, stride=stride, padding=kernel // 2)
        self.maxpool1 = nn.Identity() if small_images else nn.MaxPool2d(3, 2, ceil_mode=True)
        self.norm1 = norm()
        self.conv2, self.conv3 = ConvUnit(width, width, 1, bn), ConvUnit(width, scaled(192), 3, bn, padding=1)
        self.norm2 = norm()
        c = scaled(192)
        for name, row in MODULES.items():
            if name.endswith("a"):  # 3a, 4a, 5a: at half the side
                size = 2 if name == "5a" and not paper_kernels else 3
                self.add_module(f"maxpool{int(name[0]) - 1}", nn.MaxPool2d(size, 2, ceil_mode=True))
            widths = [scaled(channels) for channels in row]
            self.add_module(f"inception{name}", Inception(c, *widths, kernel=5 if paper_kernels else 3, bn=bn))
            c = widths[0] + widths[2] + widths[4] + widths[5]
            if name in ("4a", "4d") and aux_logits:
                pool = nn.AvgPool2d(5, 3) if paper_kernels and not small_images else nn.AdaptiveAvgPool2d(4)
                head = AuxiliaryHead(c, num_classes, scaled(128), scaled(1024), pool, dropout_aux, bn)
                self.add_module("aux1" if name == "4a" else "aux2", head)
        self.avgpool, self.dropout, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(dropout), nn.Linear(c, num_classes)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)) and paper_kernels:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
            elif isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.01)

    def forward(self, x):
        if self.transform_input:
            moments = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
            x = cat([x[:, i : i + 1] * (std / 0.5) + (mean - 0.5) / 0.5 for i, (mean, std) in enumerate(moments)], 1)
        x = self.norm1(self.maxpool1(self.conv1(x)))
        x = self.norm2(self.conv3(self.conv2(x)))
        x = self.inception3b(self.inception3a(self.maxpool2(x)))
        x = low = self.inception4a(self.maxpool3(x))
        x = high = self.inception4d(self.inception4c(self.inception4b(x)))
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if self.training and self.aux_logits:
            return GoogLeNetOutputs(logits, self.aux2(high), self.aux1(low))
        return logits


@register_model(input_size=(3, 224, 224), parameters=13_004_888, macs=1_498_376_192,
                small={"width": 8, "small_images": True, "dropout": 0.0, "dropout_aux": 0.0}, small_input=(3, 32, 32))
def googlenet(num_classes=1000, **options):
    """22 layers of weights: 3 in the stem, 2 in each module, 1. options: GoogLeNet's; aux_logits=False leaves the heads out."""
    return GoogLeNet(num_classes, **options)
