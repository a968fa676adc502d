"""Multi-column deep neural networks: several networks, each over its own preprocessing of the image, averaged.

D. Ciresan, U. Meier, J. Schmidhuber 2012, Multi-column Deep Neural Networks for Image Classification. The column for MNIST is
1x29x29-20C4-MP2-40C5-MP3-150N-10N:

| layer | output | parameters |
|---|---|---|
| input | 1 x 29 x 29 | |
| 20C4: 4x4 convolution | 20 x 26 x 26 | 340 |
| MP2: max pooling | 20 x 13 x 13 | |
| 40C5: 5x5 convolution | 40 x 9 x 9 | 20,040 |
| MP3 | 40 x 3 x 3 | |
| 150N: dense | 150 | 54,150 |
| 10N | 10 | 1,510 |
| total | | 76,040 |

The paper prints the layers, not the parameters. Its committee for MNIST has 35 columns: 7 preprocessings, 5 columns on each.
"""

import math

from .. import nn
from ..errors import InputError
from ..functions import stack
from ..nn import functional as F
from .registry import register_model

__all__ = ["ScaledTanh", "mcdnn_column", "Committee"]


class ScaledTanh(nn.Module):
    """f(x) = 1.7159 tanh(2 x / 3), (2.7): f(1) = 1 and f(-1) = -1, to four digits. LeCun et al. 1998, Efficient BackProp."""

    def forward(self, input):
        return 1.7159 * (input * (2 / 3)).tanh()


@register_model(input_size=(1, 29, 29), parameters=76_040, macs=1_891_820, small={"width": 4, "hidden": 20})
def mcdnn_column(num_classes=10, in_channels=1, width=20, hidden=150, image_size=29, activation=ScaledTanh):
    """One column, for (N, in_channels, image_size, image_size); weights start uniform within +-0.05, as in the paper.

    Returns logits. image_size is at least 17, so that something is left after both poolings.
    """
    first = (image_size - 3) // 2
    last = (first - 4) // 3
    if last < 1:
        raise InputError("mcdnn_column", "image_size", "at least 17", image_size)
    column = nn.Sequential(
        nn.Conv2d(in_channels, width, 4), activation(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 5), activation(), nn.MaxPool2d(3),
        nn.Flatten(),
        nn.Linear(2 * width * last * last, hidden), activation(),
        nn.Linear(hidden, num_classes),
    )
    for parameter in column.parameters():
        nn.init.uniform_(parameter, -0.05, 0.05)
    return column


class Committee(nn.Module):
    """log of the mean of the columns' probabilities, (2.1): logits (N, classes) whose softmax is that mean.

    columns: modules that return logits. Called with one input, it gives it to all columns; called with as many inputs as
    there are columns, each column gets its own (another preprocessing of the same image, say).
    average: "arithmetic", or "geometric" for the renormalised geometric mean, (2.3).
    """

    def __init__(self, columns, average="arithmetic"):
        super().__init__()
        if average not in ("arithmetic", "geometric"):
            raise InputError("Committee", "average", "'arithmetic' or 'geometric'", repr(average))
        self.columns, self.average = nn.ModuleList(columns), average
        if not len(self.columns):
            raise InputError("Committee", "columns", "one or more modules", "none")

    def forward(self, *inputs):
        if len(inputs) not in (1, len(self.columns)):
            raise InputError("Committee", "inputs", f"one, or one for each of {len(self.columns)} columns", len(inputs))
        inputs = inputs * len(self.columns) if len(inputs) == 1 else inputs
        logs = stack([F.log_softmax(column(x), dim=1) for column, x in zip(self.columns, inputs)])
        if self.average == "geometric":
            return F.log_softmax(logs.mean(dim=0), dim=1)
        return logs.logsumexp(dim=0) - math.log(len(self.columns))

    def extra_repr(self):
        return f"average={self.average!r}"
