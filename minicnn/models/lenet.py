"""LeNet-5, and the small network of lesson 1.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner 1998, Gradient-Based Learning Applied to Document Recognition, section II.B.

| layer | printed (page 8) | here |
|---|---|---|
| C1: 6 maps, 5x5 | 156 | 156 |
| S2: trainable average pooling | 12 | 0: no weights |
| C3: 16 maps, 5x5 | 1,516: each map sees 3 to 6 of the 6 | 2,416: each sees all |
| S4 | 32 | 0 |
| C5: 120 | 48,120 | 48,120 |
| F6: 84 | 10,164 | 10,164 |
| output: 10 | fixed Gaussian units | 850, linear |
| total | 60,000 | 61,706 |

The paper pads MNIST's 28x28 images to 32x32; here C1 pads by two, which is the same.
"""

from .. import nn
from .registry import register_model

__all__ = ["lenet5", "small_cnn"]


@register_model(input_size=(1, 28, 28), parameters=61_706, macs=416_520, small={})
def lenet5(num_classes=10, in_channels=1, activation=nn.Tanh, pooling=nn.AvgPool2d):
    """LeNet-5 for (N, in_channels, 28, 28); activation=nn.ReLU and pooling=nn.MaxPool2d make the form in use today."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 6, 5, padding=2), activation(), pooling(2),
        nn.Conv2d(6, 16, 5), activation(), pooling(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), activation(),
        nn.Linear(120, 84), activation(),
        nn.Linear(84, num_classes),
    )


@register_model(input_size=(1, 8, 8), parameters=28_106, macs=161_408, small={"width": 8})
def small_cnn(num_classes=10, in_channels=1, width=16):
    """Three 3x3 convolutions with ReLU, two of them max-pooled, global average pooling, and a head with one hidden layer.

    Takes images of any size from 4x4 up. This is the network of chapter 1's notes, softmax(W ReLU(V x + a) + b) on top of a
    vector x of averages; its output are the logits, before the softmax.
    """
    c1, c2, c3 = width, 2 * width, 4 * width
    model = nn.Sequential(
        nn.Conv2d(in_channels, c1, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(c1, c2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(c3, c3), nn.ReLU(),
        nn.Linear(c3, num_classes),
    )
    for layer in model:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model
