"""ResNet: the tables of the paper row by row, the keys of torchvision, the options."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.errors import InputError
from minicnn.models.resnet import BasicBlock, Bottleneck, ResNet

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3),
          "resnet152": (3, 8, 36, 3)}
MACS_STRIDE_IN_1X1 = {"resnet50": 3_857_973_248, "resnet101": 7_570_194_432, "resnet152": 11_282_415_616}


def bn_keys(name):
    return [f"{name}.{k}" for k in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]


def torchvision_keys(name):
    """The keys of torchvision's state_dict, by the rule that its files show."""
    convolutions = 2 if name in ("resnet18", "resnet34") else 3
    keys = {"conv1.weight", *bn_keys("bn1"), "fc.weight", "fc.bias"}
    for stage, blocks in enumerate(BLOCKS[name], start=1):
        for i in range(blocks):
            block = f"layer{stage}.{i}"
            for k in range(1, convolutions + 1):
                keys |= {f"{block}.conv{k}.weight", *bn_keys(f"{block}.bn{k}")}
            if i == 0 and (stage > 1 or convolutions == 3):
                keys |= {f"{block}.downsample.0.weight", *bn_keys(f"{block}.downsample.1")}
    return keys


@pytest.mark.parametrize("name", BLOCKS)
def test_keys_are_torchvision_s(name):
    state = models.get_model(name, width=8).state_dict()
    assert set(state) == torchvision_keys(name)
    published = {"resnet18": 122, "resnet34": 218, "resnet50": 320, "resnet101": 626, "resnet152": 932}
    assert len(state) == published[name]
    assert state["bn1.num_batches_tracked"].shape == ()


def test_shapes_of_some_weights_are_torchvision_s():
    state = models.resnet50(num_classes=7).state_dict()
    shapes = {"conv1.weight": (64, 3, 7, 7), "layer1.0.conv1.weight": (64, 64, 1, 1), "layer1.0.conv2.weight": (64, 64, 3, 3),
              "layer1.0.downsample.0.weight": (256, 64, 1, 1), "layer1.1.conv1.weight": (64, 256, 1, 1),
              "layer2.0.conv1.weight": (128, 256, 1, 1), "layer4.2.conv3.weight": (2048, 512, 1, 1), "fc.weight": (7, 2048)}
    for key, shape in shapes.items():
        assert state[key].shape == shape
    assert {m.eps for m in models.resnet20().modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}


@pytest.mark.parametrize(("name", "channels"), [("resnet18", (64, 64, 128, 256, 512)), ("resnet50", (64, 256, 512, 1024, 2048))])
def test_output_sizes_of_table_1(name, channels):
    """At a quarter of the width, which is quicker."""
    net = models.get_model(name, width=16)
    seen = {row.name: row.output_shape for row in inspect.summary(net, (3, 224, 224)).rows if row.depth == 1}
    assert seen["conv1"] == (1, 64 // 4, 112, 112) and seen["maxpool"] == (1, 64 // 4, 56, 56)
    for k, side in enumerate((56, 28, 14, 7), start=1):
        assert seen[f"layer{k}"] == (1, channels[k] // 4, side, side)
    assert seen["fc"] == (1, 1000)


@pytest.mark.parametrize("name", MACS_STRIDE_IN_1X1)
def test_multiply_adds_of_table_1_with_the_stride_in_the_1x1(name):
    """Counted on one stage after the other at a sixteenth of the width, from which the full count follows: all is quadratic in it
    but stem and classifier."""
    full = models.model_info(name).macs
    small = {where: inspect.summary(models.get_model(name, width=4, num_classes=1, stride_in_1x1=where), (3, 224, 224)).macs
             for where in (True, False)}
    assert full - 16 ** 2 * (small[False] - small[True]) == MACS_STRIDE_IN_1X1[name]


def test_resnet34_with_option_a_rounds_to_the_printed_3_6():
    a, b = (inspect.summary(models.resnet34(shortcut=option, width=4), (3, 224, 224)).macs for option in "AB")
    macs = models.model_info("resnet34").macs - 16 ** 2 * (b - a)
    assert macs == 3_644_493_824 and round(macs / 1e9, 1) == 3.6


@pytest.mark.parametrize(("depth", "with_a", "with_b"), [
    (20, 269_722, 272_474), (32, 464_154, 466_906), (44, 658_586, 661_338), (56, 853_018, 855_770),
    (110, 1_727_962, 1_730_714), (1202, 19_421_274, 19_424_026)])
def test_parameters_of_the_cifar_nets(depth, with_a, with_b):
    assert models.model_info(f"resnet{depth}").parameters == with_a  # counted in test_models.py
    assert inspect.count_parameters(models.get_model(f"resnet{depth}", shortcut="B")) == with_b


def test_output_sizes_of_table_6():
    seen = {row.name: row.output_shape for row in inspect.summary(models.resnet20(), (3, 32, 32)).rows if row.depth == 1}
    assert [seen[f"layer{k}"] for k in (1, 2, 3)] == [(1, 16, 32, 32), (1, 32, 16, 16), (1, 64, 8, 8)]
    assert seen["fc"] == (1, 10)


@pytest.mark.parametrize("shortcut", ["A", "B", "C", "none"])
@pytest.mark.parametrize(("block", "channels"), [(BasicBlock, 16), (Bottleneck, 64)])
def test_every_shortcut_with_every_block(shortcut, block, channels):
    net = ResNet(block, (2, 1, 1), 5, width=4, in_channels=2, small_images=True, shortcut=shortcut)
    assert net(mc.zeros(2, 2, 9, 7)).shape == (2, 5)
    assert net.fc.in_features == channels
    projections = sum(1 for m in net.modules() if isinstance(m, BasicBlock | Bottleneck) and isinstance(m.downsample, nn.Sequential))
    assert projections == {"A": 0, "B": 2 + (block is Bottleneck), "C": 4, "none": 0}[shortcut]


def test_hooks_for_later_papers_give_their_sizes():
    """wide_resnet50_2 and resnext50_32x4d, chapters 14 and 15."""
    assert inspect.count_parameters(models.resnet50(groups=32, width_per_group=4)) == 25_028_904
    wide = Bottleneck(256, 128, 2, width_per_group=128)
    assert wide.conv2.weight.shape == (256, 256, 3, 3) and wide.conv3.weight.shape == (512, 256, 1, 1)


def test_start_is_he_s_by_the_fan_out(rng):
    weight = models.resnet20(width=64).layer3[0].conv1.weight.detach().numpy()
    assert abs(weight.std() / np.sqrt(2 / (9 * 256)) - 1) < 0.01


def test_an_unknown_shortcut_is_refused():
    with pytest.raises(InputError, match="'A', 'B', 'C' or 'none'"):
        models.resnet20(shortcut="D")
