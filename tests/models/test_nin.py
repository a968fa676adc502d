"""Network in network: the table of the file, row by row, the heads, the options."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.errors import InputError
from minicnn.models.nin import NIN

SMALL = {"widths": ((6, 5, 4), (5, 5, 5), (5, 5)), "dropout": 0.0}


def test_rows_of_the_table():
    rows = {row.name: row for row in inspect.summary(models.nin_cifar10(), (3, 32, 32)).rows if row.depth == 1}
    blocks = {"block1": (96, 32, 60_928, 61_931_520), "block2": (192, 16, 535_104, 136_839_168),
              "block3": (10, 8, 370_954, 23_715_840)}
    for name, (channels, side, parameters, macs) in blocks.items():
        assert rows[name].output_shape == (1, channels, side, side)
        assert (rows[name].parameters, rows[name].macs) == (parameters, macs)
    assert rows["pool1"].output_shape == (1, 96, 16, 16) and rows["pool2"].output_shape == (1, 192, 8, 8)
    assert rows["head"].output_shape == (1, 10) and rows["head"].parameters == 0


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_parameters_for_any_number_of_classes(classes):
    with nn.init.no_init():
        assert inspect.count_parameters(models.nin_cifar10(classes)) == 965_056 + 193 * classes


def test_shapes_of_the_weights():
    state = models.nin_cifar100().state_dict()
    shapes = {"block1.0.weight": (192, 3, 5, 5), "block1.2.weight": (160, 192, 1, 1), "block1.4.weight": (96, 160, 1, 1),
              "block2.0.weight": (192, 96, 5, 5), "block2.4.weight": (192, 192, 1, 1), "block3.0.weight": (192, 192, 3, 3),
              "block3.4.weight": (100, 192, 1, 1), "block3.4.bias": (100,)}
    for key, shape in shapes.items():
        assert state[key].shape == shape
    assert len(state) == 18


@pytest.mark.parametrize(("size", "side"), [(32, 8), (20, 5), (17, 4), (8, 2), (30, 7)])
def test_poolings_cut_the_last_window_off_at_the_border(size, side):
    """Half the side, rounded down, and again: 3x3 at stride 2 with the last window cut off, or exactly fitting."""
    net = NIN(3, **SMALL, input_size=size)
    assert net.maps(mc.zeros(1, 3, size, size)).shape == (1, 3, side, side)
    dense = NIN(3, **SMALL, input_size=size, head="fc")
    assert dense(mc.zeros(2, 3, size, size)).shape == (2, 3)


def test_average_pooling_counts_only_pixels_that_are_there():
    net = NIN(3, **SMALL)
    pooled = net.pool2(mc.ones(1, 5, 16, 16)).numpy()
    assert pooled.shape == (1, 5, 8, 8) and np.array_equal(pooled, np.ones_like(pooled))


@pytest.mark.parametrize("head", ["gap", "fc", "fc_dropout"])
@pytest.mark.parametrize("mlp", [True, False])
def test_heads_and_plain_filters(head, mlp):
    net = NIN(7, in_channels=1, **SMALL, head=head, mlp=mlp, input_size=12)
    assert net(mc.zeros(2, 1, 12, 12)).shape == (2, 7)
    convolutions = sum(isinstance(m, nn.Conv2d) for m in net.modules())
    assert convolutions == (9 if mlp else 4)
    assert inspect.count_parameters(net.head) == (0 if head == "gap" else 7 * 7 * 9 + 7)


def test_last_relu_is_an_option(rng):
    x = mc.tensor(rng.normal(size=(3, 3, 16, 16)).astype(np.float32))
    with_relu, without = NIN(4, **SMALL), NIN(4, **SMALL, last_relu=False)
    without.load_state_dict(with_relu.state_dict())
    np.testing.assert_allclose(with_relu.maps(x).detach().numpy(), np.maximum(without.maps(x).detach().numpy(), 0), atol=1e-5)
    assert with_relu.maps(x).min().item() >= 0 > without.maps(x).min().item()


def test_dropout_follows_both_poolings(rng):
    net = NIN(4, widths=SMALL["widths"], dropout=0.5)
    assert (net.drop1.p, net.drop2.p) == (0.5, 0.5)
    x = mc.tensor(rng.normal(size=(1, 3, 16, 16)).astype(np.float32))
    assert abs(net(x) - net(x)).max().item() > 0
    net.eval()
    assert abs(net(x) - net(x)).max().item() == 0


def test_an_unknown_head_is_refused():
    with pytest.raises(InputError, match="'gap', 'fc' or 'fc_dropout'"):
        NIN(4, head="max")
