"""VGG: the table of the paper row by row, the keys of torchvision, the options."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.models.vgg import VGG

FACTORIES = {"A": "vgg11", "A-LRN": "vgg11_lrn", "B": "vgg13", "C": "vgg16_c", "D": "vgg16", "E": "vgg19"}
# Table 1, a row for each convolution (kernel, channels); M: max pooling.
STAGES = {
    "A": ["3-64", "3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"],
    "A-LRN": ["3-64", "3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"],
    "B": ["3-64 3-64", "3-128 3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"],
    "C": ["3-64 3-64", "3-128 3-128", "3-256 3-256 1-256", "3-512 3-512 1-512", "3-512 3-512 1-512"],
    "D": ["3-64 3-64", "3-128 3-128", "3-256 3-256 3-256", "3-512 3-512 3-512", "3-512 3-512 3-512"],
    "E": ["3-64 3-64", "3-128 3-128", "3-256 3-256 3-256 3-256", "3-512 3-512 3-512 3-512", "3-512 3-512 3-512 3-512"],
}
# The places of the convolutions in torchvision's `features`, as its published files have them.
PLACES = {
    "vgg11": [0, 3, 6, 8, 11, 13, 16, 18], "vgg13": [0, 2, 5, 7, 10, 12, 15, 17, 20, 22],
    "vgg16": [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28],
    "vgg19": [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34],
    "vgg11_bn": [0, 4, 8, 11, 15, 18, 22, 25], "vgg13_bn": [0, 3, 7, 10, 14, 17, 21, 24, 28, 31],
    "vgg16_bn": [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40],
    "vgg19_bn": [0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49],
}


def narrow(name, **options):
    with nn.init.no_init():
        return models.get_model(name, width=8, hidden=8, **options)


@pytest.mark.parametrize("column", STAGES)
def test_rows_of_table_1(column):
    """At an eighth of the width: kernels, channels, and the size after each stage."""
    net = narrow(FACTORIES[column])
    rows = [r for r in inspect.summary(net, (3, 224, 224)).rows if r.depth == 2]
    stages, sizes = [[]], []
    for row, module in zip(rows, net.features):
        if isinstance(module, nn.Conv2d):
            assert row.output_shape[2] == 224 // 2 ** len(sizes)
            stages[-1].append(f"{module.kernel_size[0]}-{row.output_shape[1] * 8}")
        elif isinstance(module, nn.MaxPool2d):
            stages.append([])
            sizes.append(row.output_shape[2:])
    assert [" ".join(s) for s in stages[:-1]] == STAGES[column]
    assert sizes == [(n, n) for n in (112, 56, 28, 14, 7)]
    dense = [m for m in net.classifier if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in dense] == [(512 // 8 * 49, 8), (8, 8), (8, 1000)]


def test_lrn_stands_after_the_first_convolution_of_a_lrn_alone():
    for column, name in FACTORIES.items():
        places = [i for i, m in enumerate(narrow(name).features) if isinstance(m, nn.LocalResponseNorm)]
        assert places == ([2] if column == "A-LRN" else [])


@pytest.mark.parametrize("name", PLACES)
def test_keys_are_torchvision_s(name):
    state = narrow(name).state_dict()
    after = ["running_mean", "running_var", "num_batches_tracked"]
    expected = {f"classifier.{i}.{k}" for i in (0, 3, 6) for k in ("weight", "bias")}
    for place in PLACES[name]:
        expected |= {f"features.{place}.{k}" for k in ("weight", "bias")}
        if name.endswith("bn"):
            expected |= {f"features.{place + 1}.{k}" for k in ["weight", "bias", *after]}
    assert set(state) == expected
    assert state["classifier.0.weight"].shape == (8, 64 * 49) and state["features.0.weight"].shape == (8, 3, 3, 3)


@pytest.mark.parametrize("name", ["vgg11", "vgg13_bn"])
def test_outputs_are_those_of_the_same_layers_in_torch(name, rng):
    torch = pytest.importorskip("torch")
    net = models.get_model(name, width=4, hidden=8, num_classes=5, dropout=0.0).eval()
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.2)  # so that there is something to compare
    layers = []
    for module in net.features:
        if isinstance(module, nn.Conv2d):
            layers.append(torch.nn.Conv2d(module.in_channels, module.out_channels, 3, padding=1))
        elif isinstance(module, nn.BatchNorm2d):
            layers.append(torch.nn.BatchNorm2d(module.num_features))
        else:
            layers.append(torch.nn.MaxPool2d(2, 2) if isinstance(module, nn.MaxPool2d) else torch.nn.ReLU())
    theirs = torch.nn.Module()
    theirs.features = torch.nn.Sequential(*layers)
    theirs.classifier = torch.nn.Sequential(
        torch.nn.Linear(32 * 49, 8), torch.nn.ReLU(), torch.nn.Dropout(0.0), torch.nn.Linear(8, 8), torch.nn.ReLU(),
        torch.nn.Dropout(0.0), torch.nn.Linear(8, 5))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in net.state_dict().items()})
    theirs.eval()
    x = rng.normal(size=(2, 3, 64, 80)).astype(np.float32)  # 2 x 2 after five poolings, repeated up to 7 x 7
    with torch.no_grad():
        y = torch.nn.functional.adaptive_avg_pool2d(theirs.features(torch.tensor(x)), 7)
        y = theirs.classifier(y.flatten(1)).numpy()
    got = net(mc.tensor(x)).detach().numpy()
    assert abs(y).max() > 1e-3
    np.testing.assert_allclose(got, y, rtol=2e-4, atol=1e-6 + 1e-5 * abs(y).max())


def test_options():
    net = VGG((1, 2), 5, width=4, hidden=6, in_channels=1, grid=2, dropout=0.25, pooling=nn.AvgPool2d)
    assert net(mc.zeros(3, 1, 9, 10)).shape == (3, 5)
    assert sum(isinstance(m, nn.AvgPool2d) for m in net.features) == 2
    assert [m.p for m in net.classifier if isinstance(m, nn.Dropout)] == [0.25, 0.25]
    c = VGG((2, 2, 1, 2), 5, width=4, hidden=6, grid=1, last_1x1=True)
    assert [m.kernel_size[0] for m in c.features if isinstance(m, nn.Conv2d)] == [3, 3, 3, 3, 1, 3, 1]


def test_start():
    """He's by the fan out for convolutions, 0.01 for dense layers, biases 0."""
    net = models.vgg13(width=32, hidden=64)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            std = (2 / (9 * module.out_channels)) ** 0.5 if isinstance(module, nn.Conv2d) else 0.01
            tolerance = 4 / (2 * module.weight.numel()) ** 0.5
            assert abs(module.weight.detach().numpy().std() / std - 1) < tolerance
            assert not module.bias.detach().numpy().any()
