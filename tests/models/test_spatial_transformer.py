"""The spatial transformer: the sizes of the net, its transformations, its options."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.errors import InputError
from minicnn.models.spatial_transformer import BASES, STN, SpatialTransformer
from minicnn.nn import functional as F
from minicnn.testing import check_grads


def test_rows_of_the_table():
    """The parts of the table in the header: outputs and parameters."""
    rows = {row.name: row for row in inspect.summary(models.stn(), (1, 28, 28)).rows if row.depth in (1, 2)}
    assert rows["transformer"].output_shape == (1, 1, 28, 28)
    assert (rows["localisation"].output_shape, rows["localisation"].parameters) == ((1, 20), 520 + 10_020 + 420)
    assert (rows["regression"].output_shape, rows["regression"].parameters) == ((1, 6), 126)
    assert (rows["features"].output_shape, rows["features"].parameters) == ((1, 128), 2_624 + 50_208)
    assert (rows["fc"].output_shape, rows["fc"].parameters) == ((1, 10), 1_290)
    sizes = [m.output_shape[2:] for m in inspect.summary(models.stn(), (1, 28, 28)).rows if m.kind == "Conv2d"]
    assert sizes == [(10, 10), (1, 1), (20, 20), (4, 4)]


@pytest.mark.parametrize(("transformation", "numbers"), [("affine", 6), ("similarity", 4), ("attention", 3), ("translation", 2),
                                                         ("rotation", 1), (None, None)])
def test_each_transformation(transformation, numbers):
    net = models.stn(transformation=transformation)
    assert inspect.count_parameters(net) == 54_122 + (0 if numbers is None else 10_960 + 21 * numbers)
    assert net(mc.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert numbers is None or set(BASES) == {"affine", "similarity", "attention", "translation", "rotation"}


def test_without_a_transformer_it_is_the_same_net(rng):
    """At the start both compute the same, given the same weights; the keys agree, so that weights carry over."""
    plain, net = models.stn(transformation=None), models.stn()
    missing = {k for k in net.state_dict() if not k.startswith("transformer.")}
    assert set(plain.state_dict()) == missing
    net.load_state_dict(plain.state_dict(), strict=False)
    x = mc.tensor(rng.normal(size=(3, 1, 28, 28)).astype(np.float32))
    np.testing.assert_allclose(net(x).detach().numpy(), plain(x).detach().numpy(), atol=1e-4)


def test_a_crop_for_a_smaller_classifier():
    net = models.stn(transformation="attention", input_size=40, output_size=28)
    assert net.transformer(mc.zeros(2, 1, 40, 40)).shape == (2, 1, 28, 28)
    assert net.transformer.grid(mc.zeros(2, 1, 40, 40)).shape == (2, 28, 28, 2)
    assert net.fc.in_features == models.stn().fc.in_features


@pytest.mark.parametrize("transformation", list(BASES))
def test_gradients_of_the_whole_module(rng, transformation):
    """Through localisation net, map, grid and sampler, in double precision, at places away from the lattice."""
    module = SpatialTransformer(nn.Sequential(nn.Flatten(), nn.Linear(2 * 4 * 5, 3), nn.Tanh()), 3, transformation, (3, 2)).double()
    for p in module.parameters():
        p.data[...] = rng.normal(size=p.shape) * 0.3
    x = rng.normal(size=(2, 2, 4, 5))
    pixels = ((module.grid(mc.tensor(x)).detach().numpy() + 1) * [5, 4] - 1) / 2
    assert abs(pixels - np.rint(pixels)).min() > 1e-4  # not on a kink
    check_grads(module, x)
    module(mc.tensor(x)).square().sum().backward()
    for p in module.parameters():
        h, k = 1e-6, np.unravel_index(abs(p.grad.numpy()).argmax(), p.shape)
        values = []
        for step in (h, -2 * h):
            p.data[k] += step
            values.append(module(mc.tensor(x)).square().sum().item())
        p.data[k] += h
        assert abs((values[0] - values[1]) / (2 * h) - p.grad.numpy()[k]) < 1e-5 * max(1, abs(p.grad.numpy()[k]))


def test_several_transformers_in_one_net_on_feature_maps(rng):
    """As in the paper's ST-CNN multi: one before each convolution."""
    def transformer(channels, side, **options):
        return SpatialTransformer(nn.Sequential(nn.Flatten(), nn.Linear(channels * side * side, 4), nn.ReLU()), 4, **options)

    second = transformer(3, 6, transformation="attention", output_size=(4, 3))
    net = nn.Sequential(transformer(1, 8), nn.Conv2d(1, 3, 3), nn.ReLU(), second, nn.Flatten(), nn.Linear(36, 5))
    x = mc.tensor(rng.normal(size=(2, 1, 8, 8)).astype(np.float32))
    F.cross_entropy(net(x), mc.tensor(np.array([1, 4]))).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_it_goes_where_the_model_goes():
    """The fixed matrices are part of the module's state in memory but not of its file."""
    module = models.stn().double().transformer
    assert module.basis.dtype == module.identity.dtype == np.float64
    assert not [k for k in models.stn().state_dict() if "basis" in k or "identity" in k]


def test_padding_and_alignment_are_passed_on(rng):
    x = mc.tensor(rng.normal(size=(1, 1, 6, 6)) + 5)
    for padding_mode, expected in (("zeros", 0.0), ("border", x.numpy()[0, 0, :, -1])):
        module = SpatialTransformer(nn.Flatten(), 36, "translation", padding_mode=padding_mode, align_corners=True).double()
        module.regression.bias.data[0] = 4.0  # far to the right
        np.testing.assert_allclose(module(x).detach().numpy()[0, 0, :, 0], expected, atol=1e-12)


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="affine, similarity, attention, translation, rotation"):
        models.stn(transformation="projective")
    with pytest.raises(InputError, match="small enough for the side"):
        models.stn(input_size=16)
    with pytest.raises(InputError, match="without a transformation"):
        STN(transformation=None, input_size=40, output_size=28)
