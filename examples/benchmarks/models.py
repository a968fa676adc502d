"""The networks that are measured, written once: `lib` is minicnn or torch, whose layers have the same names and arguments.

Each builder returns (model, input shape of one sample, classes). `MODELS` says with which batch a network is measured.
"""

__all__ = ["MODELS", "ON_GPU", "build"]


def mlp(lib):
    """784-256-10, the smallest network that people time."""
    nn = lib.nn
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)), (1, 28, 28)


def lenet(lib):
    """LeNet as most libraries' examples have it: 20 and 50 filters of 5 x 5, maxima of 2 x 2, 500 hidden units."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)), (1, 28, 28)


def resnet20(lib):
    """ResNet-20 for CIFAR: 3 stages of 3 blocks, 16, 32, 64 channels, projections at the steps (He et al. 2016, 4.2)."""
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, c, f, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(c, f, 3, stride, 1, bias=False), nn.BatchNorm2d(f)
            self.conv2, self.bn2 = nn.Conv2d(f, f, 3, 1, 1, bias=False), nn.BatchNorm2d(f)
            self.relu = nn.ReLU()
            self.down = nn.Identity() if stride == 1 and c == f else nn.Sequential(
                nn.Conv2d(c, f, 1, stride, bias=False), nn.BatchNorm2d(f))

        def forward(self, x):
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + self.down(x))

    layers, c = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for f, stride in ((16, 1), (32, 2), (64, 2)):
        layers += [Block(c, f, stride), Block(f, f, 1), Block(f, f, 1)]
        c = f
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), (3, 32, 32)


def vgg(lib):
    """Four 3 x 3 convolutions in two stages of 64 and 128 channels with batch norm, then 512 hidden units."""
    nn, layers, c = lib.nn, [], 3
    for f in (64, 64, "max", 128, 128, "max"):
        if f == "max":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(c, f, 3, padding=1), nn.BatchNorm2d(f), nn.ReLU()]
            c = f
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 8 * 8, 512), nn.ReLU(), nn.Linear(512, 10)), (3, 32, 32)


def grouped(lib):
    """A ResNeXt block (32 groups, Xie et al. 2017, figure 3c) and two depthwise-separable ones (Howard et al. 2017)."""
    nn = lib.nn

    def conv(c, f, k, groups=1):
        return [nn.Conv2d(c, f, k, 1, k // 2, groups=groups, bias=False), nn.BatchNorm2d(f), nn.ReLU()]

    layers = [*conv(3, 128, 3), *conv(128, 128, 1), *conv(128, 128, 3, 32), *conv(128, 128, 1)]
    for _ in range(2):
        layers += [*conv(128, 128, 3, 128), *conv(128, 128, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)), (3, 32, 32)


def densenet(lib):
    """DenseNet-BC, 40 layers, growth 12, compression 1/2 (Huang et al. 2017, section 3)."""
    nn, growth = lib.nn, 12

    class Layer(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.narrow = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 4 * growth, 1, bias=False))
            self.wide = nn.Sequential(
                nn.BatchNorm2d(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False))

        def forward(self, x):
            return lib.cat([x, self.wide(self.narrow(x))], 1)

    layers, c = [nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)], 2 * growth
    for stage in range(3):
        for _ in range(6):
            layers.append(Layer(c))
            c += growth
        layers += [nn.BatchNorm2d(c), nn.ReLU()]
        if stage < 2:
            layers += [nn.Conv2d(c, c // 2, 1, bias=False), nn.AvgPool2d(2)]
            c //= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10)), (3, 32, 32)


def vit(lib):
    """ViT-tiny: 4 x 4 patches of 32 x 32 images, width 192, 3 heads, 12 layers (Dosovitskiy et al. 2021), mean pooled."""
    nn, width, heads = lib.nn, 192, 3

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            n, tokens, _ = x.shape
            qkv = self.qkv(self.norm1(x)).reshape(n, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            y = nn.functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
            x = x + self.out(y.permute(0, 2, 1, 3).reshape(n, tokens, width))
            return x + self.mlp(self.norm2(x))

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, width, 4, 4)
            self.position = nn.Parameter(lib.zeros(1, 64, width))
            self.layers = nn.Sequential(*[Layer() for _ in range(12)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

        def forward(self, x):
            x = self.patches(x).flatten(2).permute(0, 2, 1) + self.position
            return self.head(self.norm(self.layers(x)).mean(1))

    return ViT(), (3, 32, 32)


def resnet50(lib):
    """ResNet-50 for ImageNet: 1 x 1, 3 x 3, 1 x 1, in 3, 4, 6, 3 blocks, the stride in the 3 x 3 (He et al. 2016, table 1)."""
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, c, f, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(c, f, 1, bias=False), nn.BatchNorm2d(f)
            self.conv2, self.bn2 = nn.Conv2d(f, f, 3, stride, 1, bias=False), nn.BatchNorm2d(f)
            self.conv3, self.bn3 = nn.Conv2d(f, 4 * f, 1, bias=False), nn.BatchNorm2d(4 * f)
            self.relu = nn.ReLU()
            self.down = nn.Identity() if stride == 1 and c == 4 * f else nn.Sequential(
                nn.Conv2d(c, 4 * f, 1, stride, bias=False), nn.BatchNorm2d(4 * f))

        def forward(self, x):
            y = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
            return self.relu(self.bn3(self.conv3(y)) + self.down(x))

    layers, c = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for f, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            layers.append(Block(c, f, 1 if i else stride))
            c = 4 * f
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000)), (3, 224, 224)


def capsules(lib):
    """A capsule network for 28 x 28 digits, its channels cut to a quarter: 288 capsules of 8 numbers send votes to 10 of 16,
    and 3 rounds of routing by agreement weigh them (Sabour et al. 2017, section 4 and procedure 1)."""
    nn, softmax = lib.nn, lib.nn.functional.softmax

    def squash(s):
        size = (s * s).sum(-1, keepdim=True)
        return s * (size / ((1 + size) * (size + 1e-9) ** 0.5))

    class Capsules(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.primary, self.relu = nn.Conv2d(1, 64, 9), nn.Conv2d(64, 64, 9, 2), nn.ReLU()
            self.weight = nn.Parameter(0.1 * lib.randn(288, 8, 160))

        def forward(self, x):
            n = x.shape[0]
            u = squash(self.primary(self.relu(self.conv(x))).reshape(n, 8, 8, 36).permute(1, 3, 0, 2).reshape(288, n, 8))
            votes = (u @ self.weight).reshape(288, n, 10, 16)
            agreement = lib.zeros(288, n, 10, 1)
            for _ in range(3):
                v = squash((softmax(agreement, 2) * votes).sum(0, keepdim=True))
                agreement = agreement + (votes * v).sum(-1, keepdim=True)
            return ((v * v).sum(-1) + 1e-9)[0] ** 0.5 * 10

    return Capsules(), (1, 28, 28)


# name -> (builder, batch, "train" or "infer")
MODELS = {
    "mlp": (mlp, 128, "train"),
    "lenet": (lenet, 128, "train"),
    "resnet20": (resnet20, 128, "train"),
    "vgg": (vgg, 64, "train"),
    "grouped": (grouped, 32, "train"),
    "densenet": (densenet, 32, "train"),
    "vit": (vit, 64, "train"),
    "capsules": (capsules, 32, "train"),
    "lenet-1": (lenet, 1, "infer"),
    "resnet20-1": (resnet20, 1, "infer"),
    "resnet50": (resnet50, 32, "train"),
}
ON_GPU = ("resnet20", "resnet50")  # what is measured there unless asked otherwise; on the CPU all but the last


def build(name, lib):
    """(model, input shape with its batch, what to do) for a name of MODELS."""
    builder, batch, task = MODELS[name]
    model, sample = builder(lib)
    return model, (batch, *sample), task
