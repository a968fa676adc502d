"""Sizes and costs of models against what is counted by hand or by loops."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.errors import InputError
from minicnn.inspect import count_macs, count_parameters, summary


class TwoTowers(nn.Module):
    """One convolution that is used twice, and a layer that is never called."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.idle = nn.Linear(3, 4)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        y = self.conv(x) + self.conv(x.flip(2))
        return self.head(y.mean((2, 3)))


class Shared(nn.Module):
    """The same module under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(7, 7), nn.ReLU())
        self.second = self.first

    def forward(self, x):
        return self.second(self.first(x))


def loop_macs(model, *args):
    """The oracle: every product of a plain convolution, counted one by one over the entries of its output."""
    x, = args
    n, c, h, w = x.shape
    count = 0
    oh, ow = model(x).shape[2:]
    for _ in range(n * model.out_channels):
        for _ in range(oh * ow):
            for _ in range(c // model.groups):
                count += model.kernel_size[0] * model.kernel_size[1]
    return count


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": 1, "groups": 2}, {"dilation": 2, "bias": False}])
def test_convolution_against_loops(options):
    conv = nn.Conv2d(4, 6, (3, 2), **options)
    assert count_macs(conv, (4, 8, 9)) == loop_macs(conv, mc.zeros(1, 4, 8, 9))


@pytest.mark.parametrize(("layer", "size", "parameters", "macs"), [
    (nn.Conv1d(3, 5, 4), (3, 10), 3 * 5 * 4 + 5, 5 * 7 * 3 * 4),
    (nn.ConvTranspose2d(3, 5, 2, stride=2), (3, 4, 6), 3 * 5 * 4 + 5, 3 * 4 * 6 * 5 * 4),
    (nn.ConvTranspose1d(4, 6, 3, groups=2), (4, 5), 4 * 3 * 3 + 6, 4 * 5 * 3 * 3),
    (nn.Linear(7, 3), (7,), 24, 21),
    (nn.Linear(7, 3, bias=False), (5, 7), 21, 105),
    (nn.BatchNorm2d(6), (6, 4, 4), 12, 0),
    (nn.MaxPool2d(2), (6, 4, 4), 0, 0),
])
def test_one_layer(layer, size, parameters, macs):
    s = summary(layer, size)
    assert (s.parameters, s.macs) == (parameters, macs)


def test_attention_counts_its_four_maps_and_not_the_products():
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    tokens = mc.zeros(1, 5, 8)
    s = summary(layer, inputs=(tokens, tokens, tokens))
    assert s.parameters == 4 * (64 + 8)
    assert s.macs == 4 * 5 * 64
    assert s.rows[0].output_shape == [(1, 5, 8), (1, 5, 5)]


def test_tree_shapes_and_subtotals():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 2, 1)), nn.Flatten(),
                          nn.Linear(2 * 5 * 6, 10))
    s = summary(model, (3, 5, 6))
    assert [(r.name, r.kind, r.depth) for r in s.rows] == [
        ("", "Sequential", 0), ("0", "Conv2d", 1), ("1", "Sequential", 1), ("0", "ReLU", 2), ("1", "Conv2d", 2),
        ("2", "Flatten", 1), ("3", "Linear", 1)]
    assert [r.output_shape for r in s.rows] == [
        (1, 10), (1, 4, 5, 6), (1, 2, 5, 6), (1, 4, 5, 6), (1, 2, 5, 6), (1, 60), (1, 10)]
    assert [r.parameters for r in s.rows] == [732, 112, 10, 0, 10, 0, 610]
    assert [r.macs for r in s.rows] == [3240 + 240 + 600, 3240, 240, 0, 240, 0, 600]
    assert s.macs == s.rows[0].macs and s.parameters == s.rows[0].parameters


def test_a_layer_used_twice_costs_twice_and_weighs_once():
    s = summary(TwoTowers(), (2, 4, 4))
    rows = {r.name: r for r in s.rows}
    assert rows["conv"].parameters == 108 and rows["conv"].macs == 2 * 108 * 16
    assert rows["idle"].output_shape is None and rows["idle"].parameters == 16 and rows["idle"].macs == 0
    assert s.parameters == 108 + 16 + 35


def test_a_module_under_two_names_counts_once():
    s = summary(Shared(), (7,))
    assert s.parameters == s.rows[0].parameters == 56
    assert s.macs == s.rows[0].macs == 98
    assert [(r.name, r.parameters) for r in s.rows if r.depth == 1] == [("first", 56), ("second", 0)]
    assert s.rows[-1].kind == "Sequential (again)"


def test_frozen_parameters_are_not_trainable():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert (count_parameters(model), count_parameters(model, trainable_only=True)) == (26, 10)
    assert (summary(model, (3,)).parameters, summary(model, (3,)).trainable) == (26, 10)


def test_the_batch_of_given_inputs_counts():
    assert count_macs(nn.Linear(3, 4), inputs=mc.zeros(6, 3)) == 72


def test_several_inputs():
    s = summary(nn.Bilinear(2, 3, 4), [(2,), (3,)])
    assert s.rows[0].output_shape == (1, 4)


def test_dtype_of_the_parameters_is_used():
    assert summary(nn.Linear(3, 2).double(), (3,)).rows[0].output_shape == (1, 2)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    model[1].eval()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    mc.manual_seed(1)
    drawn = mc.rand(3).numpy()
    mc.manual_seed(1)
    summary(model, (1, 5, 5))
    assert [m.training for m in model.modules()] == [True, True, False, True]
    assert all(np.array_equal(before[k], v.numpy()) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert np.array_equal(drawn, mc.rand(3).numpy())


def test_hooks_go_when_the_model_fails():
    model = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(ValueError):
        summary(model, (5,))
    assert model.training and not any(m._forward_hooks for m in model.modules())


@pytest.mark.parametrize(("model", "kwargs", "message"), [
    (nn.Linear, {"input_size": (3,)}, "model must be an nn.Module, got Linear. Call it first"),
    (3, {"input_size": (3,)}, "model must be an nn.Module, got int"),
    (nn.Linear(3, 4), {}, "one of the two, got neither"),
    (nn.Linear(3, 4), {"input_size": (3,), "inputs": 1}, "one of the two, got both"),
    (nn.Linear(3, 4), {"input_size": (-3,)}, "positive integers"),
    (nn.Linear(3, 4), {"input_size": ("3",)}, "positive integers"),
    (nn.Linear(3, 4), {"input_size": 3}, "positive integers"),
])
def test_bad_input(model, kwargs, message):
    with pytest.raises(InputError, match=message):
        summary(model, **kwargs)


def test_printed_table():
    text = str(summary(nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU()), (3, 34, 34)))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "multiply-adds"]
    assert lines[3].split() == ["0:", "Conv2d", "1x16x32x32", "448", "442,368"]
    assert lines[-1].startswith("parameters 448 (448 trainable), multiply-adds 442,368")
    assert len({len(line) for line in lines[2:5]}) == 1  # columns end flush
