"""The 14-layer network in which PReLU was first compared with ReLU.

K. He, X. Zhang, S. Ren, J. Sun 2015, Delving Deep into Rectifiers, table 1 (model E of He and Sun 2015, "Convolutional Neural
Networks at Constrained Time Cost").

| layer | printed | here, from 224 x 224 |
|---|---|---|
| conv1 | 7x7, 64, stride 2 | 109 x 109 |
| pool1 | 3x3, stride 3 | 36 x 36 |
| conv2_1 to 2_4 | 2x2, 128 | 35, 36, 35, 36 |
| pool2 | 2x2, stride 2 | 18 x 18 |
| conv3_1 to 3_6 | 2x2, 256 | 17, 18, 17, 18, 17, 18 |
| spp | {6, 3, 2, 1} | 50 bins x 256 |
| fc1, fc2, fc3 | 4096, 4096, 1000 | the same |

Paddings are not printed; here conv1 has none, and the 2x2 kernels are padded by 0 and 1 in turn, so that two of them keep the size.
"""

from .. import nn
from ..functions import cat
from ..nn import functional as F
from .registry import register_model

__all__ = ["PReLUNet", "SpatialPyramidPooling", "prelu_net"]


class SpatialPyramidPooling(nn.Module):
    """Max pooling to 6x6, 3x3, 2x2 and 1x1 bins, joined to one vector, whatever the size of the map. He et al. 2014."""

    def __init__(self, levels=(6, 3, 2, 1)):
        super().__init__()
        self.levels = tuple(levels)

    def forward(self, x):
        return cat([F.adaptive_max_pool2d(x, level).flatten(1) for level in self.levels], 1)

    def extra_repr(self):
        return f"levels={self.levels}"


class PReLUNet(nn.Module):
    """Ten convolutions, pyramid pooling, three dense layers; after each but the last a rectifier.

    slopes: "channel" (one slope a channel), "shared" (one a layer) or None for ReLU. Weights start as (9.12) says.
    """

    def __init__(self, num_classes=1000, slopes="channel", width=64, hidden=4096, in_channels=3, dropout=0.5):
        super().__init__()
        self.slopes = slopes
        layers = [nn.Conv2d(in_channels, width, 7, stride=2), self._rectifier(width), nn.MaxPool2d(3, 3)]
        channels = width
        for out, count in ((2 * width, 4), (4 * width, 6)):
            for i in range(count):
                layers += [nn.Conv2d(channels, out, 2, padding=i % 2), self._rectifier(out)]
                channels = out
            if out == 2 * width:
                layers.append(nn.MaxPool2d(2, 2))
        self.features, self.spp = nn.Sequential(*layers), SpatialPyramidPooling()
        self.classifier = nn.Sequential(
            nn.Linear(50 * channels, hidden), self._rectifier(hidden), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), self._rectifier(hidden), nn.Dropout(dropout),
            nn.Linear(hidden, num_classes))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, a=0.25 if slopes else 0.0)
                nn.init.zeros_(module.bias)

    def _rectifier(self, channels):
        if self.slopes is None:
            return nn.ReLU()
        return nn.PReLU(channels if self.slopes == "channel" else 1)

    def forward(self, x):
        return self.classifier(self.spp(self.features(x)))


@register_model(input_size=(3, 224, 224), parameters=75_004_200, macs=919_573_184,
                small={"width": 8, "hidden": 32, "in_channels": 1, "dropout": 0.0}, small_input=(1, 48, 48))
def prelu_net(num_classes=1000, slopes="channel", width=64, hidden=4096, in_channels=3, dropout=0.5):
    """The model of the paper; slopes=None is its ReLU baseline."""
    return PReLUNet(num_classes, slopes, width, hidden, in_channels, dropout)
