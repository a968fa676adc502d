"""BN-Inception: GoogLeNet with batch normalization, two 3x3 in place of each 5x5, and one module more.

S. Ioffe, C. Szegedy 2015, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift, figure 5.
Widths as printed there; the output sizes that follow from them are not always the printed ones.

| row | output printed | here | 1x1 | 3x3 red., 3x3 | double 3x3 red., 3x3 | pooling | weights | multiply-adds |
|---|---|---|---|---|---|---|---|---|
| convolution 7x7/2 | 112x112x64 | same | | | | | 9,408 | 118,013,952 |
| convolution 3x3/1 | 56x56x192 | same | | 64, 192 | | | 114,688 | 359,661,568 |
| 3a | 28x28x256 | same | 64 | 64, 64 | 64, 96 | avg, 32 | 218,112 | 170,999,808 |
| 3b | 28x28x320 | same | 64 | 64, 96 | 64, 96 | avg, 64 | 259,072 | 203,112,448 |
| 3c, stride 2 | 28x28x576 | 14x14x576 | | 128, 160 | 64, 96 | max | 384,000 | 143,904,768 |
| 4a | 14x14x576 | same | 224 | 64, 96 | 96, 128 | avg, 128 | 608,256 | 119,218,176 |
| 4b | 14x14x576 | same | 192 | 96, 128 | 96, 128 | avg, 128 | 663,552 | 130,056,192 |
| 4c | 14x14x576 | 14x14x608 | 160 | 128, 160 | 128, 160 | avg, 128 | 912,384 | 178,827,264 |
| 4d | 14x14x576 | 14x14x608 | 96 | 128, 192 | 160, 192 | avg, 128 | 1,140,736 | 223,584,256 |
| 4e, stride 2 | 14x14x1024 | 7x7x1056 | | 128, 192 | 192, 256 | max | 1,447,936 | 164,577,280 |
| 5a | 7x7x1024 | same | 352 | 192, 320 | 160, 224 | avg, 128 | 2,205,696 | 108,079,104 |
| 5b | 7x7x1024 | same | 352 | 192, 320 | 192, 224 | max, 128 | 2,276,352 | 111,541,248 |
| linear, and in all | 1000 | 1000 | | | | | 11,264,192 | 2,032,600,064 |

With biases and batch normalization 11,295,240 parameters; 2.03 GFLOPs in the table of chapter 21. The paper writes 13.6 M, which
these widths do not give, and has a separable first layer (separable=True: 1,948,605,440 multiply-adds).
"""

from .. import nn
from ..errors import InputError
from ..functions import cat
from ..nn import functional as F
from .registry import register_model

__all__ = ["BNInception", "bn_inception"]

MODULES = {  # figure 5: 1x1; 3x3 reduce, 3x3; double 3x3 reduce, double 3x3; pooling, its projection (0: passed through, stride 2)
    "3a": (64, 64, 64, 64, 96, "avg", 32), "3b": (64, 64, 96, 64, 96, "avg", 64), "3c": (0, 128, 160, 64, 96, "max", 0),
    "4a": (224, 64, 96, 96, 128, "avg", 128), "4b": (192, 96, 128, 96, 128, "avg", 128),
    "4c": (160, 128, 160, 128, 160, "avg", 128), "4d": (96, 128, 192, 160, 192, "avg", 128),
    "4e": (0, 128, 192, 192, 256, "max", 0), "5a": (352, 192, 320, 160, 224, "avg", 128),
    "5b": (352, 192, 320, 192, 224, "max", 128),
}


class BNInception(nn.Module):
    """Stem, modules 3a to 5b, average, one linear layer; after each convolution batch normalization and ReLU.

    A module joins a 1x1, a 3x3, two 3x3 in a row (the last two behind a 1x1 reduction) and a projected pooling; 3c and 4e
    halve the side instead: stride 2 in their last convolutions and in the pooling, whose channels pass through, and no 1x1.
    width: channels of the first convolution, all others in proportion. small_images: a 3x3 stem at stride 1, without its first
    pooling. bias: convolutions have one, of no effect before batch normalization (chapter 8), but published weights hold them.
    separable: the first layer as the paper has it, 8 7x7 kernels for each colour and then a 1x1.

    The keys are those of the public port (Cadene's pretrained-models), whose widths are the paper's.
    """

    def __init__(self, num_classes=1000, *, width=64, in_channels=3, small_images=False, bias=True, separable=False):
        super().__init__()
        self.bias = bias

        def scaled(channels):
            return -(-channels * width // 64)

        kernel, stride = (3, 1) if small_images else (7, 2)
        self._unit("conv1_7x7_s2", in_channels, width, kernel, stride)
        if separable:
            self.conv1_7x7_s2 = nn.Sequential(
                nn.Conv2d(in_channels, 8 * in_channels, kernel, stride, kernel // 2, groups=in_channels, bias=False),
                nn.Conv2d(8 * in_channels, width, 1, bias=bias))
        self.pool1_3x3_s2 = nn.Identity() if small_images else nn.MaxPool2d(3, 2, ceil_mode=True)
        self._unit("conv2_3x3_reduce", width, width, 1)
        self._unit("conv2_3x3", width, scaled(192), 3)
        self.pool2_3x3_s2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        c = scaled(192)
        for name, (n1, r3, n3, rd, nd, pool, projection) in MODULES.items():
            n1, r3, n3, rd, nd, projection = map(scaled, (n1, r3, n3, rd, nd, projection))
            block, stride = f"inception_{name}", 1 if projection else 2
            if n1:
                self._unit(f"{block}_1x1", c, n1, 1)
            self._unit(f"{block}_3x3_reduce", c, r3, 1)
            self._unit(f"{block}_3x3", r3, n3, 3, stride)
            self._unit(f"{block}_double_3x3_reduce", c, rd, 1)
            self._unit(f"{block}_double_3x3_1", rd, nd, 3)
            self._unit(f"{block}_double_3x3_2", nd, nd, 3, stride)
            pooling = nn.AvgPool2d(3, 1, 1) if pool == "avg" else nn.MaxPool2d(3, stride, 2 - stride, ceil_mode=True)
            self.add_module(f"{block}_pool", pooling)
            if projection:
                self._unit(f"{block}_pool_proj", c, projection, 1)
            c = n1 + n3 + nd + (projection or c)
        self.global_pool, self.last_linear = nn.AdaptiveAvgPool2d(1), nn.Linear(c, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _unit(self, name, in_channels, out_channels, kernel, stride=1):
        self.add_module(name, nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=self.bias))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(out_channels))

    def _run(self, x, *names):
        """x through convolution, batch normalization and ReLU of each name in turn."""
        for name in names:
            x = F.relu(getattr(self, f"{name}_bn")(getattr(self, name)(x)))
        return x

    def _inception(self, block, x):
        """The branches of one module, joined."""
        branches = [self._run(x, f"{block}_1x1")] if hasattr(self, f"{block}_1x1") else []
        branches.append(self._run(x, f"{block}_3x3_reduce", f"{block}_3x3"))
        branches.append(self._run(x, f"{block}_double_3x3_reduce", f"{block}_double_3x3_1", f"{block}_double_3x3_2"))
        pooled = getattr(self, f"{block}_pool")(x)
        if pooled.shape[2:] != branches[-1].shape[2:]:  # at stride 2: the convolutions pad, the pooling does not
            raise InputError("BNInception", "x", "images whose height and width are still even at 3c and 4e, such as 224 or 256",
                             f"{tuple(x.shape[2:])} at {block.removeprefix('inception_')}")
        branches.append(self._run(pooled, f"{block}_pool_proj") if hasattr(self, f"{block}_pool_proj") else pooled)
        return cat(branches, 1)

    def forward(self, x):
        x = self.pool1_3x3_s2(self._run(x, "conv1_7x7_s2"))
        x = self.pool2_3x3_s2(self._run(x, "conv2_3x3_reduce", "conv2_3x3"))
        for name in MODULES:
            x = self._inception(f"inception_{name}", x)
        return self.last_linear(self.global_pool(x).flatten(1))


@register_model(input_size=(3, 224, 224), parameters=11_295_240, macs=2_032_600_064,
                small={"width": 8, "small_images": True}, small_input=(3, 32, 32))
def bn_inception(num_classes=1000, **options):
    """34 layers of weights: 3 in the stem, 3 in each module, 1. options: BNInception's."""
    return BNInception(num_classes, **options)
