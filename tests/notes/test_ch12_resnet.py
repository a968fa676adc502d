"""The numbered results of docs/notes/ch12_resnet.md."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import inspect, models, nn, optim
from minicnn.models.resnet import BasicBlock, Bottleneck, PadShortcut, ResNet
from minicnn.nn import functional as F
from minicnn.testing import check_grads

PRINTED_FLOPS = {"resnet18": 1.8, "resnet34": 3.6, "resnet50": 3.8, "resnet101": 7.6, "resnet152": 11.3}  # 1e9, table 1


def numbers(rng, *shape):
    return mc.tensor(rng.normal(size=shape))


def batch_norm(x, eps=1e-5):
    """(N, C, H, W): each channel to mean 0 and variance 1; with the BN's start, gamma 1 and beta 0."""
    mean, var = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


def conv3x3(x, w, stride=1):
    """Loops over the pixels, padding 1."""
    n, _, h, width = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.zeros((n, len(w), -(-h // stride), -(-width // stride)))
    for i, j in np.ndindex(*y.shape[2:]):
        y[:, :, i, j] = np.einsum("fcab,ncab->nf", w, padded[:, :, stride * i : stride * i + 3, stride * j : stride * j + 3])
    return y


def as_array(parameter):
    return parameter.detach().numpy()


@pytest.mark.equation("12.1")
@pytest.mark.parametrize("extra", [1, 20])
def test_layers_that_copy_leave_the_function_as_it_was(rng, extra):
    shallow = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)).double()
    copies = []
    for _ in range(extra):
        layer = nn.Linear(7, 7).double()
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
        copies += [layer, nn.ReLU()]
    x = numbers(rng, 11, 5)
    deep = nn.Sequential(shallow[0], shallow[1], *copies, shallow[2])
    assert np.array_equal(deep(x).detach().numpy(), shallow(x).detach().numpy())
    without_relu = nn.Sequential(shallow[0], *copies, shallow[2])  # the copies need an input that is not negative
    assert abs(without_relu(x) - shallow[2](shallow[0](x))).max().item() > 0.01


@pytest.mark.equation("12.2")
@pytest.mark.parametrize("seed", range(3))
def test_basic_block_adds_before_the_relu(seed):
    rng = np.random.default_rng(seed)
    block = BasicBlock(4, 4).double()
    x = rng.normal(size=(3, 4, 5, 6))
    inside = np.maximum(batch_norm(conv3x3(x, as_array(block.conv1.weight))), 0)
    residual = batch_norm(conv3x3(inside, as_array(block.conv2.weight)))
    y = block(mc.tensor(x)).detach().numpy()
    np.testing.assert_allclose(y, np.maximum(x + residual, 0), atol=1e-12)
    assert abs(y - (x + np.maximum(residual, 0))).max() > 0.5  # the ReLU before the addition is another function
    plain = BasicBlock(4, 4, shortcut="none").double()
    plain.load_state_dict(block.state_dict())
    np.testing.assert_allclose(plain(mc.tensor(x)).detach().numpy(), np.maximum(residual, 0), atol=1e-12)


def branch(rng, n, m=None):
    """x -> W2 tanh(W1 x), and its Jacobian."""
    w1, w2 = rng.normal(size=(m or n, n)) / n ** 0.5, rng.normal(size=(n, m or n)) / n ** 0.5
    return (lambda x: mc.tensor(w2) @ mc.tanh(mc.tensor(w1) @ x),
            lambda x: w2 @ np.diag(1 - np.tanh(w1 @ x) ** 2) @ w1)


@pytest.mark.equation("12.3")
@pytest.mark.parametrize("seed", range(3))
def test_jacobian_of_a_block_is_the_identity_plus_that_of_the_branch(seed):
    rng = np.random.default_rng(seed)
    f, jacobian_of_f = branch(rng, 5, 7)
    x, dy = rng.normal(size=5), rng.normal(size=5)
    np.testing.assert_allclose(mc.jacobian(lambda t: t + f(t), mc.tensor(x)).numpy(), np.eye(5) + jacobian_of_f(x), atol=1e-12)
    t = mc.tensor(x, requires_grad=True)
    z = t + f(t)
    F.relu(z).backward(mc.tensor(dy))
    dz = dy * (z.detach().numpy() > 0)
    np.testing.assert_allclose(t.grad.numpy(), dz + jacobian_of_f(x).T @ dz, atol=1e-12)


def test_gradient_of_the_block_of_the_library(rng):
    for block in (BasicBlock(2, 4, 2, "A"), BasicBlock(2, 4, 2, "B"), Bottleneck(4, 1), BasicBlock(3, 3, shortcut="none")):
        channels = block.conv1.weight.shape[1]
        block.double()
        check_grads(block, rng.normal(size=(2, channels, 4, 3)), rtol=1e-5)


def product(matrices, n):
    """Later ones further left."""
    result = np.eye(n)
    for matrix in matrices:
        result = matrix @ result
    return result


@pytest.mark.equation("12.4")
@pytest.mark.parametrize(("n", "depth"), [(3, 1), (4, 3), (3, 6)])
def test_gradient_is_the_sum_over_all_paths(rng, n, depth):
    branches = [branch(rng, n) for _ in range(depth)]

    def network(x):
        for f, _ in branches:
            x = x + f(x)
        return x

    x0 = rng.normal(size=n)
    x, jacobians = mc.tensor(x0), []
    for f, jacobian in branches:
        jacobians.append(jacobian(x.numpy()))
        x = x + f(x)
    subsets = [s for k in range(depth + 1) for s in combinations(range(depth), k)]
    assert len(subsets) == 2 ** depth
    paths = sum(product([jacobians[i] for i in s], n) for s in subsets)
    found = mc.jacobian(network, mc.tensor(x0)).numpy()
    np.testing.assert_allclose(found, paths, rtol=1e-11, atol=1e-11)
    if depth > 1:
        wrong_order = sum(product([jacobians[i] for i in reversed(s)], n) for s in subsets)
        assert abs(found - wrong_order).max() > 1e-3


@pytest.mark.equation("12.5")
@given(seed=st.integers(0, 999), n=st.integers(1, 6), depth=st.integers(1, 40), scale=st.floats(0.05, 0.9))
def test_small_branches_bound_all_singular_values(seed, n, depth, scale):
    rng = np.random.default_rng(seed)
    matrices = [rng.normal(size=(n, n)) for _ in range(depth)]
    matrices = [scale * m / np.linalg.norm(m, 2) for m in matrices]  # the largest singular value is `scale`
    values = np.linalg.svd(product([np.eye(n) + m for m in matrices], n), compute_uv=False)
    assert (1 - scale) ** depth <= values.min() * (1 + 1e-9) + 1e-12 * values.max()
    assert values.max() <= (1 + scale) ** depth * (1 + 1e-9)
    assert np.linalg.norm(product(matrices, n), 2) <= scale ** depth * (1 + 1e-9)


@pytest.mark.equation("12.5")
def test_the_bounds_are_reached_and_stay_near_e_for_branches_of_one_over_l():
    for depth in (5, 50, 500):
        low, high = (product([np.eye(2) * (1 + sign / depth)] * depth, 2)[0, 0] for sign in (-1, 1))
        np.testing.assert_allclose([low, high], [(1 - 1 / depth) ** depth, (1 + 1 / depth) ** depth], rtol=1e-12)
        assert 0.32 < low < np.exp(-1) and 2.4 < high < np.e


@pytest.mark.equation("12.6")
@pytest.mark.parametrize(("size", "stride"), [((8, 6), 2), ((7, 5), 2), ((4, 3), 1)])
def test_shortcuts_a_and_b(rng, size, stride):
    x, block = rng.normal(size=(2, 3, *size)), BasicBlock(3, 7, stride, "B").double()
    h, w = -(-size[0] // stride), -(-size[1] // stride)
    a = PadShortcut(3, 7, stride)(mc.tensor(x)).numpy()
    b = block.downsample(mc.tensor(x)).detach().numpy()
    assert a.shape == b.shape == (2, 7, h, w) == block(mc.tensor(x)).shape
    weight, before = as_array(block.downsample[0].weight)[:, :, 0, 0], np.zeros((2, 7, h, w))
    for i, j in np.ndindex(h, w):
        np.testing.assert_array_equal(a[:, :3, i, j], x[:, :, stride * i, stride * j])
        before[:, :, i, j] = x[:, :, stride * i, stride * j] @ weight.T
    assert not a[:, 3:].any()
    np.testing.assert_allclose(b, batch_norm(before), atol=1e-12)


@pytest.mark.equation("12.6")
def test_parameters_of_the_shortcuts():
    count = {option: inspect.count_parameters(BasicBlock(16, 32, 2, option)) for option in "ABC"}
    assert count["A"] == inspect.count_parameters(BasicBlock(16, 32, 2, "none"))
    assert count["B"] - count["A"] == 16 * 32 + 2 * 32 and count["B"] == count["C"]
    same = {option: inspect.count_parameters(BasicBlock(16, 16, 1, option)) for option in "ABC"}
    assert same["A"] == same["B"] == same["C"] - (16 * 16 + 2 * 16)


def test_broadcasting_is_no_shortcut():
    """(N, 1, H, W) + (N, C, H, W) adds up without a word; the library's block of unequal channels has a shortcut of its own."""
    x, y = np.ones((2, 1, 4, 4)), np.zeros((2, 5, 4, 4))
    assert (x + y)[:, 4].all()
    a = PadShortcut(1, 5)(mc.tensor(x)).numpy()
    assert a[:, 0].all() and not a[:, 1:].any()
    assert BasicBlock(1, 5, shortcut="B").downsample is not None


@pytest.mark.equation("12.7")
@pytest.mark.parametrize("s", [1.0, 0.5, 0.2])
def test_variance_grows_by_one_plus_s_squared_a_block(s):
    rng, n, depth, draws = np.random.default_rng(3), 16, 4, 20000
    x = np.tile(rng.normal(size=n), (draws, 1))
    first = (x[0] ** 2).sum()
    for _ in range(depth):  # new weights for each draw and block: the mean over them is what is claimed
        w1 = rng.normal(size=(draws, n, n)).astype(np.float32) * (2 / n) ** 0.5
        w2 = rng.normal(size=(draws, n, n)).astype(np.float32) * (1 / n) ** 0.5
        x = x + s * np.einsum("dij,dj->di", w2, np.maximum(np.einsum("dij,dj->di", w1, x), 0))
    grown = (x ** 2).sum(axis=1) / first
    error = grown.std() / draws ** 0.5
    assert abs(grown.mean() - (1 + s * s) ** depth) < 4 * error
    assert 8 * error < (1 + s * s) ** depth - 1  # the test could tell it from no growth


@pytest.mark.equation("12.7")
def test_a_branch_of_one_over_root_l_keeps_the_variance_below_e():
    growth = [(1 + 1 / depth) ** depth for depth in (1, 2, 10, 1000)]
    assert growth == sorted(growth) and 2.71 < growth[-1] < np.e
    assert 1e15 < 2.0 ** 50 < 1.2e15


@pytest.mark.equation("12.8")
@pytest.mark.parametrize("seed", range(3))
def test_with_batch_normalization_the_variance_grows_by_one_a_block(seed):
    mc.manual_seed(seed)
    rng, depth, n = np.random.default_rng(seed), 12, 64
    x = numbers(rng, 16, n, 4, 4)
    with mc.no_grad():
        for _ in range(depth):
            x = x + BasicBlock(n, n).double().residual(x)
    variance = x.numpy().var(axis=(0, 2, 3)).mean()
    assert abs(variance - (1 + depth)) < 0.1 * (1 + depth)


@pytest.mark.equation("12.8")
def test_turning_the_last_weights_turns_the_branch(rng):
    block = BasicBlock(3, 3).double()
    x = numbers(rng, 2, 3, 4, 5)
    before = block.residual(x).detach().numpy()
    block.conv2.weight.data *= -1
    np.testing.assert_allclose(block.residual(x).detach().numpy(), -before, atol=1e-12)


@pytest.mark.equation("12.9")
@pytest.mark.parametrize("seed", range(3))
def test_gradients_of_a_normalized_plain_net_grow_on_their_way_down(seed):
    mc.manual_seed(seed)
    rng, n, depth, batch = np.random.default_rng(seed), 256, 12, 512
    h, outputs = numbers(rng, batch, n).requires_grad_(), []
    for _ in range(depth):
        w = mc.tensor(rng.normal(size=(n, n)) * 0.37)  # any size: BN divides by it
        h = F.relu(F.batch_norm(F.linear(h, w), None, None, training=True))
        outputs.append(h)
    gradients = mc.grad((h * numbers(rng, batch, n)).sum(), outputs)
    size = [np.square(g.numpy()).mean() for g in gradients]
    factor = (size[0] / size[-1]) ** (1 / (depth - 1))
    assert abs(factor - np.pi / (np.pi - 1)) < 0.05
    assert 0.9e9 < (np.pi / (np.pi - 1)) ** 54 < 1.1e9


@pytest.mark.equation("12.10")
@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_zero_init_residual_starts_at_the_identity(rng, block):
    net = ResNet(block, (2, 2), 5, width=4, small_images=True, zero_init_residual=True).double()
    x = abs(numbers(rng, 3, 4 * block.expansion, 5, 6))
    inner = net.layer1[1]
    assert np.array_equal(inner(x).detach().numpy(), x.numpy())
    last = inner.bn2 if block is BasicBlock else inner.bn3
    net(numbers(rng, 3, 3, 8, 8)).square().sum().backward()
    assert abs(last.weight.grad).max().item() > 1e-6  # it can leave its start
    assert not inner.conv1.weight.grad.numpy().any()
    usual = ResNet(block, (2, 2), 5, width=4, small_images=True).double().layer1[1]
    assert abs(usual(x) - x).max().item() > 0.1


@pytest.mark.equation("12.11")
@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_depth_and_parameters_of_the_cifar_nets(n):
    net = models.resnet20(layers=(n, n, n))
    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 6 * n + 2
    assert inspect.count_parameters(net) == 97_216 * n - 21_926
    assert inspect.count_parameters(models.resnet20(layers=(n, n, n), shortcut="B")) == 97_216 * n - 21_926 + 2_752


@pytest.mark.equation("12.11")
def test_parameters_of_the_named_cifar_nets():
    for depth, millions in ((20, "0.27"), (32, "0.46"), (44, "0.66"), (56, "0.85"), (110, "1.7"), (1202, "19.4")):  # table 6
        n = (depth - 2) // 6
        count = models.model_info(f"resnet{depth}").parameters  # counted in tests/models
        assert count == 97_216 * n - 21_926
        assert f"{count / 1e6:.{len(millions.split('.')[1])}f}" == millions
    assert 97_216 * 200 - 21_926 > 1.9 * 10.2e6  # the 10.2M printed for 1202 layers in chapter 14


def macs_of(layer, size):
    return inspect.summary(layer, size).macs


@pytest.mark.equation("12.12")
@pytest.mark.parametrize("c", [4, 16, 64])
def test_a_bottleneck_costs_about_as_much_as_a_basic_block_with_a_quarter_of_its_channels(c):
    h, w = 3, 5
    assert macs_of(BasicBlock(c, c), (c, h, w)) == 18 * c * c * h * w
    assert macs_of(Bottleneck(4 * c, c), (4 * c, h, w)) == 17 * c * c * h * w
    assert macs_of(Bottleneck(4 * c, c, shortcut="C"), (4 * c, h, w)) == (17 + 16) * c * c * h * w


@pytest.mark.equation("12.13")
def test_the_stride_in_the_3x3_costs_231_211_008_more():
    for c, h in ((128, 28), (256, 14), (512, 7)):
        in_1x1, in_3x3 = (macs_of(Bottleneck(2 * c, c, 2, stride_in_1x1=where), (2 * c, 2 * h, 2 * h)) for where in (True, False))
        assert in_3x3 - in_1x1 == 3 * h * h * 2 * c * c == 77_070_336
    assert 3 * 77_070_336 == 231_211_008


@pytest.mark.equation("12.14")
@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_the_stride_in_the_1x1_leaves_three_quarters_of_the_pixels_unread(rng, size):
    seen = {}
    for stride_in_1x1 in (True, False):
        block = Bottleneck(6, 8, 2, stride_in_1x1=stride_in_1x1).double().eval()
        x = mc.tensor(rng.normal(size=(16, 6, *size)), requires_grad=True)
        block(x).backward(numbers(rng, *block(x).shape))
        seen[stride_in_1x1] = abs(x.grad.numpy()).max(axis=(0, 1)) > 0
    expected = np.zeros(size, bool)
    expected[::2, ::2] = True  # odd, counted from 1
    assert np.array_equal(seen[True], expected) and seen[False].all()


@pytest.mark.equation("12.15")
def test_the_schedule_of_the_paper():
    w = nn.Parameter(np.zeros(1))
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[32_000, 48_000], gamma=0.1)
    rates = []
    for t in range(64_000):
        if t in (0, 31_999, 32_000, 47_999, 48_000, 63_999):
            rates.append(optimizer.param_groups[0]["lr"])
        optimizer._stepped = True  # as if it had stepped, which takes a while 64,000 times over
        schedule.step()
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001], rtol=1e-12)
    batches = -(-45_000 // 128)
    assert batches == 352 and -(-64_000 // batches) == 182


def table_one(name):
    """Multiply-adds as the paper builds the nets: the stride in the first 1x1. From what the registry has and (12.13)."""
    info = models.model_info(name)  # counted in tests/models
    return info.macs - (231_211_008 if name in ("resnet50", "resnet101", "resnet152") else 0)


def test_e26_flops_are_multiply_adds_with_the_stride_in_the_1x1():
    for name, printed in PRINTED_FLOPS.items():
        macs, modern = table_one(name) / 1e9, models.model_info(name).macs / 1e9
        assert printed <= macs + 0.05 and macs < printed + 0.1  # rounded or cut off
        assert 2 * macs > 1.9 * printed  # operations, a product and a sum each, are twice as many
        if modern != macs:
            assert modern > printed + 0.2  # today's form is another row
    assert round(table_one("resnet34") / 1e9, 1) == 3.7 and round(table_one("resnet50") / 1e9, 1) == 3.9  # 3.6, 3.8: cut off
    projections = 64 * 128 * 28 ** 2 + 128 * 256 * 14 ** 2 + 256 * 512 * 7 ** 2
    assert table_one("resnet34") - projections == 3_644_493_824  # with option A 3.6 is rounded


def test_e48_the_lost_rows_of_table_1_give_the_printed_sizes_and_depths():
    """The notes kept 112, 56, 28, 14, 7 and the names; with the rows they fit, and only with the padding that is not printed."""
    rows = {"resnet18": (2, (2, 2, 2, 2)), "resnet34": (2, (3, 4, 6, 3)), "resnet50": (3, (3, 4, 6, 3)),
            "resnet101": (3, (3, 4, 23, 3)), "resnet152": (3, (3, 8, 36, 3))}
    for name, (convolutions, blocks) in rows.items():
        assert 1 + convolutions * sum(blocks) + 1 == int(name.removeprefix("resnet"))

    def sizes(*padding):
        side, found = 224, []
        for kernel, p in zip((7, 3, 3, 3, 3), padding):
            side = (side + 2 * p - kernel) // 2 + 1
            found.append(side)
        return found

    assert sizes(3, 1, 1, 1, 1) == [112, 56, 28, 14, 7]
    assert sizes(0, 0, 0, 0, 0) == [109, 54, 26, 12, 5]
