"""AlexNet: the paper's figure row by row, the keys of torchvision, the options."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.errors import InputError
from minicnn.models.alexnet import AlexNet

# kernels, side after the convolution, side after the pooling, parameters, multiply-adds
PAPER = {0: (96, 55, 27, 34_944, 105_415_200), 4: (256, 27, 13, 307_456, 223_948_800), 8: (384, 13, 13, 885_120, 149_520_384),
         10: (384, 13, 13, 663_936, 112_140_288), 12: (256, 13, 6, 442_624, 74_760_192)}
KEYS = [f"{layer}.{kind}" for layer in ("features.0", "features.3", "features.6", "features.8", "features.10",
                                        "classifier.1", "classifier.4", "classifier.6") for kind in ("weight", "bias")]


def test_rows_of_figure_2():
    """At an eighth of the kernels, where each convolution but the first costs a 64th."""
    small = [c // 8 for c in (96, 256, 384, 384, 256)]
    with nn.init.no_init():
        net = models.alexnet_two_tower(channels=small, hidden=8)
    features = [r for r in inspect.summary(net, (3, 227, 227)).rows if r.depth == 2][: len(net.features)]
    side = None
    for place, (module, row) in enumerate(zip(net.features, features)):
        if isinstance(module, nn.Conv2d):
            kernels, side, _, parameters, macs = PAPER[place]
            assert row.output_shape == (1, kernels // 8, side, side)
            factor = 8 if place == 0 else 64
            assert row.macs * factor == macs
            assert (row.parameters - kernels // 8) * factor + kernels == parameters
        elif isinstance(module, nn.MaxPool2d):
            side = (side - 3) // 2 + 1
            assert row.output_shape[2:] == (side, side)
    assert side == 6


def test_order_of_the_layers():
    """Convolution, ReLU, LRN, pooling; the towers are in the second, fourth and fifth."""
    with nn.init.no_init():
        net = models.alexnet_two_tower(**models.model_info("alexnet_two_tower").small)
    kinds = [type(m).__name__ for m in net.features]
    front = ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert kinds == front + front + ["Conv2d", "ReLU"] * 3 + ["MaxPool2d"]
    convolutions = [m for m in net.features if isinstance(m, nn.Conv2d)]
    assert [m.groups for m in convolutions] == [1, 2, 1, 2, 2]
    assert [m.kernel_size[0] for m in convolutions] == [11, 5, 3, 3, 3] and convolutions[0].stride == (4, 4)
    assert {(m.size, m.alpha, m.beta, m.k) for m in net.features if isinstance(m, nn.LocalResponseNorm)} == {(5, 5e-4, 0.75, 2.0)}
    assert [m.kernel_size for m in net.features if isinstance(m, nn.MaxPool2d)] == [3, 3, 3]


def test_one_tower_sees_all():
    with nn.init.no_init():
        net = models.alexnet_two_tower(towers=1)
    assert inspect.count_parameters(net) == 62_378_344


def test_keys_and_shapes_are_torchvision_s():
    with nn.init.no_init():
        state = models.alexnet(hidden=8, num_classes=7).state_dict()
    assert list(state) == KEYS
    shapes = {"features.0.weight": (64, 3, 11, 11), "features.3.weight": (192, 64, 5, 5), "features.6.weight": (384, 192, 3, 3),
              "features.8.weight": (256, 384, 3, 3), "features.10.weight": (256, 256, 3, 3), "classifier.1.weight": (8, 9216),
              "classifier.6.weight": (7, 8)}
    for key, shape in shapes.items():
        assert state[key].shape == shape


def test_outputs_are_those_of_the_same_layers_in_torch(rng):
    torch = pytest.importorskip("torch")
    net = models.alexnet_two_tower(channels=(8, 12, 16, 12, 8), hidden=16, num_classes=5, in_channels=2).eval()
    layers = []
    for module in net.features:
        if isinstance(module, nn.Conv2d):
            layers.append(torch.nn.Conv2d(module.in_channels, module.out_channels, module.kernel_size, module.stride,
                                          module.padding, groups=module.groups))
        elif isinstance(module, nn.LocalResponseNorm):
            layers.append(torch.nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
        else:
            layers.append(torch.nn.MaxPool2d(3, 2) if isinstance(module, nn.MaxPool2d) else torch.nn.ReLU())
    theirs = torch.nn.Sequential(*layers)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in net.features.state_dict().items()})
    x = 100 * rng.normal(size=(2, 2, 100, 131)).astype(np.float32)  # large, so that LRN matters
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    got = net.features(mc.tensor(x)).detach().numpy()
    assert got.shape == expected.shape and abs(expected).max() > 1e-2
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=1e-5 * abs(expected).max())
    assert net(mc.tensor(x)).shape == (2, 5)


def test_towers_meet_in_the_third_layer_only(rng):
    """What goes into one tower's maps of the first layer reaches the other tower's only from the third layer on."""
    net = models.alexnet_two_tower(**models.model_info("alexnet_two_tower").small).double().eval()
    maps = mc.tensor(rng.normal(size=(1, 8, 7, 7)), requires_grad=True)
    second = net.features[4](maps)
    second[:, :8].sum().backward()
    assert maps.grad.numpy()[:, :4].any() and not maps.grad.numpy()[:, 4:].any()
    maps = mc.tensor(rng.normal(size=(1, 8, 7, 7)), requires_grad=True)
    net.features[8](nn.functional.relu(net.features[4](maps)))[:, :8].sum().backward()
    assert maps.grad.numpy()[:, :4].any() and maps.grad.numpy()[:, 4:].any()


def test_the_paper_s_start():
    net = AlexNet((32, 64, 64, 64, 64), 10, hidden=64, grid=1, paper_init=True)
    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for i, layer in enumerate(layers):
        assert abs(layer.weight.detach().numpy().std() / 0.01 - 1) < 0.2
        assert (layer.bias.detach().numpy() == (i in (1, 3, 4, 5, 6))).all()


def test_options():
    net = AlexNet((4, 4, 4, 4, 4), 3, hidden=5, in_channels=1, grid=2, dropout=0.25, activation=nn.Tanh)
    assert net(mc.zeros(2, 1, 80, 96)).shape == (2, 3)
    assert sum(isinstance(m, nn.Tanh) for m in net.modules()) == 7 and not any(isinstance(m, nn.ReLU) for m in net.modules())
    assert [m.p for m in net.classifier if isinstance(m, nn.Dropout)] == [0.25, 0.25]
    for channels, towers in (((4, 4, 4, 4), 1), ((4, 6, 4, 4, 5), 2)):
        with pytest.raises(InputError, match="channels must be five numbers"):
            AlexNet(channels, towers=towers)
