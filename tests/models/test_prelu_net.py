"""The 14-layer PReLU model against the table of its paper."""

import pytest

import minicnn as mc
from minicnn import inspect, models, nn

ROWS = [("conv1", (64, 109, 109)), *[(f"conv2_{i}", (128, 35 + i % 2, 35 + i % 2)) for i in range(4)],
        *[(f"conv3_{i}", (256, 17 + i % 2, 17 + i % 2)) for i in range(6)]]


def test_output_sizes_row_by_row_and_14_weight_layers():
    rows = inspect.summary(models.prelu_net(width=4, hidden=8), (3, 224, 224)).rows
    sizes = [r.output_shape[2:] for r in rows if r.kind == "Conv2d"]
    assert sizes == [shape[1:] for _, shape in ROWS]
    assert sum(r.kind in ("Conv2d", "Linear") for r in rows) == 14


@pytest.mark.parametrize(("slopes", "more"), [("channel", 64 + 4 * 128 + 6 * 256 + 2 * 4096), ("shared", 13), (None, 0)])
def test_slopes_add_one_weight_a_channel_or_a_layer(slopes, more):
    plain = 75_004_200 - (64 + 4 * 128 + 6 * 256 + 2 * 4096)
    with nn.init.no_init():
        model = models.prelu_net(slopes=slopes)
    assert inspect.count_parameters(model) == plain + more


@pytest.mark.parametrize("size", [30, 97])
def test_pyramid_pooling_makes_vectors_of_one_length(size):
    pool = models.SpatialPyramidPooling()
    assert pool(mc.randn(2, 3, size, size - 7)).shape == (2, 3 * 50)
    assert isinstance(models.prelu_net(slopes=None, width=2, hidden=4).features[1], nn.ReLU)
