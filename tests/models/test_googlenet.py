"""GoogLeNet: table 1 of the paper row by row, the keys and numbers of torchvision, the options."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import data, inspect, models, nn, optim, train
from minicnn.errors import InputError
from minicnn.models.googlenet import MODULES, AuxiliaryHead, GoogLeNetOutputs, Inception

SIZES = {"conv1": (64, 112), "maxpool1": (64, 56), "conv3": (192, 56), "maxpool2": (192, 28), "inception3a": (256, 28),
         "inception3b": (480, 28), "maxpool3": (480, 14), "inception4a": (512, 14), "inception4b": (512, 14),
         "inception4c": (512, 14), "inception4d": (528, 14), "inception4e": (832, 14), "maxpool4": (832, 7),
         "inception5a": (832, 7), "inception5b": (1024, 7),
         "avgpool": (1024, 1)}
TABLE = {"conv1": (9_408, 118_013_952), "conv2": (4_096, 12_845_056), "conv3": (110_592, 346_816_512),
         "inception3a": (163_328, 128_049_152), "inception3b": (388_096, 304_267_264), "inception4a": (375_552, 73_608_192),
         "inception4b": (448_512, 87_908_352), "inception4c": (509_440, 99_850_240), "inception4d": (604_672, 118_515_712),
         "inception4e": (867_328, 169_996_288), "inception5a": (1_042_432, 51_079_168), "inception5b": (1_442_816, 70_697_984),
         "fc": (1_024_000, 1_024_000)}


@pytest.fixture(scope="module")
def paper_rows():
    """The summary's rows of the paper's net, without heads."""
    with nn.init.no_init():
        return {r.name: r for r in inspect.summary(models.googlenet(paper_kernels=True, aux_logits=False), (3, 224, 224)).rows
                if r.depth <= 1}


def test_table_1_row_by_row(paper_rows):
    for name, (channels, side) in SIZES.items():
        assert paper_rows[name].output_shape == (1, channels, side, side)
    for name, (weights, macs) in TABLE.items():
        row = paper_rows[name]
        biases = {"conv1": 64, "conv2": 64, "conv3": 192, "fc": 1000}.get(name) or sum(MODULES[name.removeprefix("inception")])
        assert (row.parameters - biases, row.macs) == (weights, macs)
    assert (paper_rows[""].parameters, paper_rows[""].macs) == (6_998_552, 1_582_671_872)


@pytest.mark.parametrize(("options", "parameters"), [({}, 13_004_888), ({"aux_logits": False}, 6_624_904),
                                                     ({"paper_kernels": True}, 13_378_280)])
def test_parameters_with_and_without_heads(options, parameters):
    with nn.init.no_init():
        assert inspect.count_parameters(models.googlenet(**options)) == parameters


def unit_keys(name):
    bn = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{name}.conv.weight", *(f"{name}.bn.{k}" for k in bn)]


def test_keys_are_torchvision_s():
    """By the rule that torchvision's file shows."""
    units = ["conv1", "conv2", "conv3", "aux1.conv", "aux2.conv"]
    for name in MODULES:
        units += [f"inception{name}.{unit}" for unit in ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")]
    keys = {key for unit in units for key in unit_keys(unit)}
    keys |= {f"{layer}.{k}" for layer in ("fc", "aux1.fc1", "aux1.fc2", "aux2.fc1", "aux2.fc2") for k in ("weight", "bias")}
    state = models.googlenet(num_classes=7, width=8).state_dict()
    assert set(state) == keys and state["aux1.fc2.weight"].shape == (7, 128)
    assert {m.eps for m in models.googlenet(width=8).modules() if isinstance(m, nn.BatchNorm2d)} == {1e-3}


def test_shapes_of_some_weights_are_torchvision_s():
    with nn.init.no_init():
        state = models.googlenet().state_dict()
        paper = models.googlenet(paper_kernels=True).state_dict()
    shapes = {"conv1.conv.weight": (64, 3, 7, 7), "inception3a.branch3.1.conv.weight": (32, 16, 3, 3),
              "aux1.conv.conv.weight": (128, 512, 1, 1), "aux2.conv.conv.weight": (128, 528, 1, 1), "aux1.fc1.weight": (1024, 2048),
              "fc.weight": (1000, 1024)}
    for key, shape in shapes.items():
        assert state[key].shape == shape
    assert paper["inception3a.branch3.1.conv.weight"].shape == (32, 16, 5, 5) and "conv1.conv.bias" in paper
    assert not any(".bn." in key for key in paper)


def test_training_returns_the_logits_of_the_heads_too():
    for kernels in (False, True):
        net = models.googlenet(num_classes=5, width=4, paper_kernels=kernels)
        assert isinstance(net.aux1, AuxiliaryHead)
        out = net(mc.randn(2, 3, 224, 224))
        assert isinstance(out, GoogLeNetOutputs) and [t.shape for t in out] == [(2, 5)] * 3
        with mc.no_grad():
            assert net.eval()(mc.zeros(1, 3, 97, 128)).shape == (1, 5)
        without = models.googlenet(num_classes=5, width=4, paper_kernels=kernels, aux_logits=False)
        assert without(mc.randn(2, 3, 65, 97)).shape == (2, 5)


def test_fit_takes_a_model_that_returns_heads_too(rng):
    """The accuracy it records is that of the main logits."""
    mc.manual_seed(0)
    net = models.googlenet(2, width=2, in_channels=1, small_images=True, paper_kernels=True, dropout=0.0, dropout_aux=0.0)
    for head in (net.aux1, net.aux2):  # always class 1, with certainty
        nn.init.zeros_(head.fc2.weight)
        head.fc2.bias.data[...] = (0, 50)
    nn.init.zeros_(net.fc.weight)
    net.fc.bias.data[...] = (50, 0)  # always class 0
    x, y = mc.tensor(rng.normal(size=(6, 1, 28, 28)).astype(np.float32)), mc.tensor(np.array([0, 0, 0, 0, 0, 1]))

    def loss(output, labels):
        return sum(nn.functional.cross_entropy(t, labels) for t in (output if isinstance(output, tuple) else (output,)))

    loader = data.DataLoader(data.TensorDataset(x, y), 6)
    history = train.fit(net, loader, optim.SGD(net.parameters(), lr=0.0), loss, progress=False, validate=loader)
    assert history.series("train_accuracy") == history.series("test_accuracy") == [pytest.approx(5 / 6)]


def test_pooling_and_heads_of_the_two_forms():
    """torchvision's fourth pooling is 2x2 and its heads average adaptively; the paper's is 3x3, its heads average 5x5 / 3."""
    ours, paper = models.googlenet(width=4), models.googlenet(width=4, paper_kernels=True)
    assert ours.maxpool4.kernel_size == 2 and paper.maxpool4.kernel_size == 3 and ours.maxpool3.kernel_size == 3
    assert all(net.maxpool1.ceil_mode for net in (ours, paper))
    x = mc.randn(1, 2, 14, 14)
    assert ours.aux1.pool(x).shape == paper.aux1.pool(x).shape == (1, 2, 4, 4)
    assert abs(ours.aux1.pool(x) - paper.aux1.pool(x)).max().item() > 0.01


def test_lrn_stands_where_figure_3_has_it(rng):
    mc.manual_seed(0)
    with_lrn = models.googlenet(3, width=8, paper_kernels=True, lrn=True, aux_logits=False).eval()
    without = models.googlenet(3, width=8, paper_kernels=True, aux_logits=False).eval()
    without.load_state_dict(with_lrn.state_dict())
    seen = {}
    for name in ("conv2", "maxpool2"):  # what comes in
        getattr(with_lrn, name).register_forward_hook(lambda module, args, result, name=name: seen.update({name: args[0]}))
    for name in ("maxpool1", "conv3"):  # what goes out
        getattr(with_lrn, name).register_forward_hook(lambda module, args, result, name=name: seen.update({name: result}))
    x = mc.tensor(10 * rng.normal(size=(1, 3, 64, 64)).astype(np.float32))
    assert abs(with_lrn(x) - without(x)).max().item() > 1e-5
    for before, after in (("maxpool1", "conv2"), ("conv3", "maxpool2")):
        expected = nn.functional.local_response_norm(seen[before], 5, 1e-4, 0.75, 1.0)
        np.testing.assert_allclose(seen[after].detach().numpy(), expected.detach().numpy(), rtol=1e-5)


def test_transform_input_maps_torchvision_s_normalization_to_plus_minus_one(rng):
    mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    image = rng.uniform(size=(2, 3, 65, 65)).astype(np.float32)
    net = models.googlenet(3, width=4, aux_logits=False).eval()
    expected = net(mc.tensor((image - 0.5) / 0.5)).detach().numpy()
    net.transform_input = True
    np.testing.assert_allclose(net(mc.tensor((image - mean) / std)).detach().numpy(), expected, rtol=1e-3, atol=1e-6)


def test_small_images_keep_their_size_in_the_stem():
    net = models.googlenet(3, width=8, in_channels=1, small_images=True, aux_logits=False)
    rows = {r.name: r.output_shape for r in inspect.summary(net, (1, 28, 28)).rows if r.depth == 1}
    assert [rows[name][2] for name in ("conv1", "inception3a", "inception4a", "inception5a")] == [28, 14, 7, 4]


def test_even_channels_of_one_survive_a_narrow_width():
    net = models.googlenet(2, width=1, small_images=True)  # 16 // 64 would be no channel at all
    assert net(mc.randn(2, 3, 32, 32)).logits.shape == (2, 2)


def test_a_picture_too_small_is_refused():
    with pytest.raises(InputError, match="kernel_size"):
        models.googlenet(3, width=4, aux_logits=False)(mc.zeros(2, 3, 20, 20))


@pytest.mark.parametrize("kernel", [3, 5])
def test_module_against_torch(rng, kernel):
    """One module, forward and backward, against the same written with torch's functions."""
    torch = pytest.importorskip("torch")
    module = Inception(5, 3, 2, 4, 2, 3, 6, kernel=kernel, bn=False).double()
    x = rng.normal(size=(2, 5, 7, 6))
    t = torch.tensor(x, requires_grad=True)
    weights = [torch.tensor(p.detach().numpy(), requires_grad=True) for p in module.parameters()]
    conv = torch.nn.functional.conv2d
    (w1, b1, v3, a3, w3, b3, v5, a5, w5, b5, wp, bp) = weights
    y = torch.cat([conv(t, w1, b1).relu(), conv(conv(t, v3, a3).relu(), w3, b3, padding=1).relu(),
                   conv(conv(t, v5, a5).relu(), w5, b5, padding=kernel // 2).relu(),
                   conv(torch.nn.functional.max_pool2d(t, 3, 1, 1), wp, bp).relu()], 1)
    ours_x = mc.tensor(x, requires_grad=True)
    ours = module(ours_x)
    np.testing.assert_allclose(ours.detach().numpy(), y.detach().numpy(), rtol=1e-9, atol=1e-12)
    g = rng.normal(size=ours.shape)
    ours.backward(mc.tensor(g))
    y.backward(torch.tensor(g))
    np.testing.assert_allclose(ours_x.grad.numpy(), t.grad.numpy(), rtol=1e-9, atol=1e-12)
    for mine, theirs in zip(module.parameters(), weights):
        np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)
