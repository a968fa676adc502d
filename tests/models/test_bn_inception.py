"""BN-Inception: figure 5 of the paper row by row, the keys of the public port, the options."""

import re

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.errors import InputError
from minicnn.models import bn_inception as factory
from minicnn.models.bn_inception import MODULES
from minicnn.models.bn_inception import __doc__ as header
from minicnn.nn import functional as F

SIZES = {"3a": (256, 28), "3b": (320, 28), "3c": (576, 14), "4a": (576, 14), "4b": (576, 14), "4c": (608, 14), "4d": (608, 14),
         "4e": (1056, 7), "5a": (1024, 7), "5b": (1024, 7)}


def units(name):
    """The convolutions of a module, by figure 5: a module of stride 2 has neither 1x1 nor projection."""
    n1, *_, projection = MODULES[name]
    found = ["1x1"] * bool(n1) + ["3x3_reduce", "3x3", "double_3x3_reduce", "double_3x3_1", "double_3x3_2"]
    return [f"inception_{name}_{unit}" for unit in found + ["pool_proj"] * bool(projection)]


@pytest.fixture(scope="module")
def net():
    with nn.init.no_init():
        return factory().eval()


@pytest.fixture(scope="module")
def seen(net):
    return inspect.summary(net, (3, 224, 224))


def test_table_of_the_header_row_by_row(net, seen):
    """Weights and multiply-adds of each row, from the model; output sizes from what goes into the next row."""
    rows = re.findall(r"^\| (\S.*?) \| (\S+) \| (\S+) \|.*\| ([\d,]+) \| ([\d,]+) \|$", header, re.M)
    assert len(rows) == 13
    macs = {r.name: r.macs for r in seen.rows}
    for title, printed, here, weights, work in rows:
        name = title.split(",")[0]
        group = {"convolution 7x7/2": ["conv1_7x7_s2"], "convolution 3x3/1": ["conv2_3x3_reduce", "conv2_3x3"]}.get(name)
        if name == "linear":
            assert int(work.replace(",", "")) == seen.macs
            assert int(weights.replace(",", "")) == sum(p.numel() for p in net.parameters() if p.ndim > 1)
            continue
        group = group or units(name)
        assert int(weights.replace(",", "")) == sum(getattr(net, unit).weight.numel() for unit in group)
        assert int(work.replace(",", "")) == sum(macs[unit] for unit in group)
        if name in SIZES:
            channels, side = SIZES[name]
            assert (printed if here == "same" else here) == f"{side}x{side}x{channels}"


def test_output_sizes_of_figure_5(net):
    shapes = {}

    def note(name):
        return lambda module, args, result: shapes.update({name: args[0].shape})

    names = list(MODULES)
    handles = [getattr(net, f"inception_{after}_pool").register_forward_hook(note(before))
               for before, after in zip(names, names[1:])]
    handles.append(net.global_pool.register_forward_hook(note("5b")))
    with mc.no_grad():
        net(mc.zeros(1, 3, 224, 224))
    for handle in handles:
        handle.remove()
    assert shapes == {name: (1, channels, side, side) for name, (channels, side) in SIZES.items()}


def test_keys_are_those_of_the_public_port(net):
    convolutions = ["conv1_7x7_s2", "conv2_3x3_reduce", "conv2_3x3", *(unit for name in MODULES for unit in units(name))]
    keys = {f"{unit}.{k}" for unit in [*convolutions, "last_linear"] for k in ("weight", "bias")}
    keys |= {f"{unit}_bn.{k}" for unit in convolutions
             for k in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")}
    state = net.state_dict()
    assert set(state) == keys and len(convolutions) == 3 + 8 * 7 + 2 * 5
    assert state["inception_4e_3x3_reduce.weight"].shape == (128, 608, 1, 1)
    assert state["inception_5a_1x1.weight"].shape == (352, 1056, 1, 1) and state["last_linear.weight"].shape == (1000, 1024)


def test_pooling_of_the_modules(net):
    """Average with the padding counted, but in 5b maximum; at stride 2 maximum, its channels passed through."""
    for name in MODULES:
        pool = getattr(net, f"inception_{name}_pool")
        x = mc.randn(1, 2, 14, 14) - 3  # negative throughout: zeros would win
        if name in ("3c", "4e"):
            expected = F.max_pool2d(x, 3, 2, ceil_mode=True)
        elif name == "5b":
            expected = F.max_pool2d(x, 3, 1, 1)
        else:
            expected = F.avg_pool2d(x, 3, 1, 1, count_include_pad=True)
        np.testing.assert_array_equal(pool(x).numpy(), expected.numpy())


def test_a_module_of_stride_2_joins_two_branches_and_the_pooled_input(rng):
    net = factory(3, width=8, small_images=True).eval()
    x = mc.tensor(rng.normal(size=(2, 40, 6, 8)).astype(np.float32))
    with mc.no_grad():
        y = net._inception("inception_3c", x)
        near = net._run(x, "inception_3c_3x3_reduce", "inception_3c_3x3")
        far = net._run(x, "inception_3c_double_3x3_reduce", "inception_3c_double_3x3_1", "inception_3c_double_3x3_2")
        pooled = F.max_pool2d(x, 3, 2, ceil_mode=True)
    np.testing.assert_array_equal(y.numpy(), np.concatenate([near.numpy(), far.numpy(), pooled.numpy()], axis=1))
    assert y.shape == (2, 20 + 12 + 40, 3, 4)


def test_odd_sides_at_stride_2_are_refused():
    with pytest.raises(InputError, match=r"even at 3c and 4e.*\(3, 3\) at 4e"):
        factory(3, width=4, small_images=True)(mc.zeros(2, 3, 13, 13))


def test_biases_and_a_separable_first_layer():
    convolution_biases = sum(MODULES[name][i] * (2 if i == 4 else 1) for name in MODULES for i in (0, 1, 2, 3, 4, 6)) + 64 + 64 + 192
    with nn.init.no_init():
        assert inspect.count_parameters(factory(bias=False)) == 11_295_240 - convolution_biases
        separable = factory(separable=True)
    seen = inspect.summary(separable, (3, 224, 224))
    assert (seen.parameters, seen.macs) == (11_295_240 - 9408 + 2712, 1_948_605_440)


def test_biases_have_no_effect_before_batch_normalization(rng):
    mc.manual_seed(0)
    net = factory(3, width=4, small_images=True)
    x = mc.tensor(rng.normal(size=(8, 3, 32, 32)).astype(np.float32))
    before = net(x).detach().numpy()
    net.inception_3a_3x3.bias.data[...] = 5.0
    np.testing.assert_allclose(net(x).detach().numpy(), before, rtol=1e-3, atol=1e-4)


def test_depth_is_34():
    assert 3 + 3 * len(MODULES) + 1 == 34
    assert models.model_info("bn_inception").macs == 2_032_600_064
