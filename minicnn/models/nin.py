"""Network in network: a small network at every pixel in place of a linear filter, and no dense layer at the end.

M. Lin, Q. Chen, S. Yan 2013, Network In Network. The lecture notes print no sizes; these are the ones that the authors published
with their code, for 32 x 32 images and ten classes. Every convolution has a bias and is followed by ReLU; pooling 3x3 at stride 2,
the last window of a row cut off by the border; dropout 0.5 after both poolings.

| block | layers | output | parameters | multiply-adds |
|---|---|---|---|---|
| 1 | 5x5, 192; 1x1, 160; 1x1, 96 | 32 x 32 | 60,928 | 61,931,520 |
| | max pooling | 16 x 16 | 0 | |
| 2 | 5x5, 192; 1x1, 192; 1x1, 192 | 16 x 16 | 535,104 | 136,839,168 |
| | average pooling | 8 x 8 | 0 | |
| 3 | 3x3, 192; 1x1, 192; 1x1, K = 10 | 8 x 8 | 370,954 | 23,715,840 |
| | global average | K | 0 | |
| total | | | 966,986 | 222,486,528 |

With K classes 965,056 + 193 K parameters, (5.6): 984,356 for CIFAR-100. Errors printed: CIFAR-10 10.41 %, with augmentation 8.81 %;
CIFAR-100 35.68 %; SVHN 2.35 %; MNIST 0.47 %.
"""

from .. import nn
from ..errors import InputError
from .registry import register_model

__all__ = ["MLPConv", "NIN", "nin_cifar10", "nin_cifar100"]

WIDTHS = ((192, 160, 96), (192, 192, 192), (192, 192))  # and the classes


class MLPConv(nn.Sequential):
    """A kernel_size convolution, then 1x1 convolutions, each with ReLU: one MLP at every pixel, (5.1).

    last_relu=False leaves out the last ReLU. Weights start as He's, biases at 0.
    """

    def __init__(self, in_channels, widths, kernel_size, last_relu=True):
        layers = []
        for i, width in enumerate(widths):
            k = kernel_size if i == 0 else 1
            layers += [nn.Conv2d(in_channels, width, k, padding=k // 2), nn.ReLU()]
            in_channels = width
        super().__init__(*(layers if last_relu else layers[:-1]))
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)


class NIN(nn.Module):
    """Three blocks, two poolings between them, and a head on the last block's maps.

    widths: channels of each block, the last block without its classes. head: "gap", the global average, takes any image size
    from 8 up; "fc", a dense layer on all pixels of the maps, as in the paper's table 5, needs input_size; "fc_dropout", the same
    behind dropout. mlp=False leaves out the 1x1 layers but the last one, which makes the classes. last_relu: ReLU on the class
    maps, as the authors have it.
    """

    def __init__(self, num_classes=10, in_channels=3, widths=WIDTHS, dropout=0.5, head="gap", input_size=32, mlp=True,
                 last_relu=True):
        super().__init__()
        if head not in ("gap", "fc", "fc_dropout"):
            raise InputError("NIN", "head", "'gap', 'fc' or 'fc_dropout'", repr(head))
        if not mlp:
            widths = [block[:1] for block in widths]
        self.block1 = MLPConv(in_channels, widths[0], 5)
        self.pool1, self.drop1 = nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(dropout)
        self.block2 = MLPConv(widths[0][-1], widths[1], 5)
        self.pool2, self.drop2 = nn.AvgPool2d(3, 2, ceil_mode=True), nn.Dropout(dropout)
        self.block3 = MLPConv(widths[1][-1], (*widths[2], num_classes), 3, last_relu)
        side = (input_size // 2) // 2  # what the poolings leave
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()) if head == "gap" else nn.Sequential(
            nn.Flatten(), nn.Dropout(0.5 if head == "fc_dropout" else 0.0), nn.Linear(num_classes * side * side, num_classes))

    def maps(self, x):
        """One map for each class (N, K, h, w): class activation maps, (5.10)."""
        x = self.drop1(self.pool1(self.block1(x)))
        return self.block3(self.drop2(self.pool2(self.block2(x))))

    def forward(self, x):
        return self.head(self.maps(x))


SMALL = {"small": {"widths": ((16, 12, 8), (16, 16, 16), (16, 16)), "dropout": 0.0, "last_relu": False}, "small_input": (3, 16, 16)}


@register_model(input_size=(3, 32, 32), parameters=966_986, macs=222_486_528, **SMALL)
def nin_cifar10(num_classes=10, **options):
    """For CIFAR-10; options: NIN's."""
    return NIN(num_classes, **options)


@register_model(input_size=(3, 32, 32), parameters=984_356, macs=222_486_528 + 64 * 192 * 90, **SMALL)
def nin_cifar100(num_classes=100, **options):
    """For CIFAR-100: the same with 100 class maps."""
    return NIN(num_classes, **options)
