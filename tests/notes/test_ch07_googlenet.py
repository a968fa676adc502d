"""The numbered results of docs/notes/ch07_googlenet.md."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.models.googlenet import MODULES, ConvUnit, Inception
from minicnn.nn import functional as F
from minicnn.testing import check_grads

NOTE = Path(__file__).parents[2] / "docs" / "notes" / "ch07_googlenet.md"
MODEL = Path(models.__file__).parent / "googlenet.py"
WIDTHS = (3, 4, 5, 2, 6, 7)  # n1, r3, n3, r5, n5, np: all different

# The last two columns of table 1 as printed: (params in K, ops in M).
PRINTED = {"convolution 7x7/2": (2.7, 34), "convolution 3x3/1": (112, 360), "inception 3a": (159, 128), "inception 3b": (380, 304),
           "inception 4a": (364, 73), "inception 4b": (437, 88), "inception 4c": (463, 100), "inception 4d": (580, 119),
           "inception 4e": (840, 170), "inception 5a": (1072, 54), "inception 5b": (1388, 71), "linear": (1000, 1)}
WRONG_PARAMS = {"convolution 7x7/2", *(f"inception {name}" for name in ("4a", "4c", "4d", "4e", "5a", "5b"))}
WRONG_OPS = {"convolution 7x7/2", "inception 5a"}


def as_array(tensor):
    return tensor.detach().numpy()


def conv(x, w):
    """Loops over the pixels; the padding keeps the size."""
    k = w.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    y = np.empty((len(x), len(w), *x.shape[2:]))
    for i, j in np.ndindex(*x.shape[2:]):
        y[:, :, i, j] = np.einsum("fcab,ncab->nf", w, padded[:, :, i : i + k, j : j + k])
    return y


def conv_backward(dy, x, w):
    """dx and dw of `conv`, by loops, (1.9)."""
    k = w.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (k // 2, k // 2), (k // 2, k // 2)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i, j in np.ndindex(*x.shape[2:]):
        dw += np.einsum("nf,ncab->fcab", dy[:, :, i, j], padded[:, :, i : i + k, j : j + k])
        dpadded[:, :, i : i + k, j : j + k] += np.einsum("nf,fcab->ncab", dy[:, :, i, j], w)
    return dpadded[:, :, k // 2 : k // 2 + x.shape[2], k // 2 : k // 2 + x.shape[3]], dw


def pool(x):
    """3x3 at stride 1, padded by -inf; the result and the flat place of each maximum in its padded window."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).reshape(*x.shape, 9)
    return windows.max(axis=-1), windows.argmax(axis=-1)


def pool_backward(dy, x):
    """Each entry of dy to the place of its maximum, (1.11)."""
    dx, places = np.zeros((*x.shape[:2], x.shape[2] + 2, x.shape[3] + 2)), pool(x)[1]
    for n, c, i, j in np.ndindex(*dy.shape):
        dx[n, c, i + places[n, c, i, j] // 3, j + places[n, c, i, j] % 3] += dy[n, c, i, j]
    return dx[:, :, 1:-1, 1:-1]


def relu(x):
    return np.maximum(x, 0)


def module_of(c, widths=WIDTHS):
    """The paper's module in double precision, biases 0, and its six weights in the order V3 W3 V5 W5 ... of (7.1)."""
    module = Inception(c, *widths, kernel=5, bn=False).double()
    for p in module.parameters():
        if p.ndim == 1:
            nn.init.zeros_(p)
    units = {"w1": module.branch1, "v3": module.branch2[0], "w3": module.branch2[1], "v5": module.branch3[0],
             "w5": module.branch3[1], "wp": module.branch4[1]}
    return module, {name: unit.conv.weight for name, unit in units.items()}


def branches(x, w):
    """(7.1), branch by branch."""
    h3, h5 = relu(conv(x, w["v3"])), relu(conv(x, w["v5"]))
    return [relu(conv(x, w["w1"])), relu(conv(h3, w["w3"])), relu(conv(h5, w["w5"])), relu(conv(pool(x)[0], w["wp"]))], h3, h5


@pytest.mark.equation("7.1", "7.2")
@pytest.mark.parametrize("seed", range(3))
def test_module_joins_the_channels_of_four_branches(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 4, 5, 6)) - 1  # mostly negative: zeros as padding of the pooling would win
    module, weights = module_of(4)
    expected = np.concatenate(branches(x, {k: as_array(w) for k, w in weights.items()})[0], axis=1)
    y = as_array(module(mc.tensor(x)))
    assert y.shape == (2, 3 + 5 + 6 + 7, 5, 6)
    np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.equation("7.2")
def test_channels_of_the_naive_rule_grow_without_end():
    with_projection, naive = [], []
    c = 192
    for n1, _, n3, _, n5, p in MODULES.values():
        with_projection.append(n1 + n3 + n5 + p)
        c = n1 + n3 + n5 + c
        naive.append(c)
    assert with_projection == [256, 480, 512, 512, 512, 528, 832, 832, 1024]  # as printed, column "output size"
    assert naive == sorted(naive) and naive[-1] == 192 + sum(n1 + n3 + n5 for n1, _, n3, _, n5, _ in MODULES.values()) == 4944
    for c, row in ((3, WIDTHS), (6, (2, 2, 2, 2, 2, 5))):
        assert Inception(c, *row)(mc.zeros(1, c, 3, 4)).shape[1] == row[0] + row[2] + row[4] + row[5]


@st.composite
def cuts(draw):
    """Widths of 1 to 5 pieces."""
    return draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))


def placed(widths):
    """The matrices E_b of (7.3)."""
    offsets, total = np.cumsum([0, *widths[:-1]]), sum(widths)
    return [np.eye(total)[:, o : o + n] for o, n in zip(offsets, widths)], offsets


@pytest.mark.equation("7.3")
@given(widths=cuts(), seed=st.integers(0, 999))
def test_backward_of_joining_is_slicing(widths, seed):
    rng, (matrices, offsets) = np.random.default_rng(seed), placed(widths)
    for a, first in enumerate(matrices):
        for b, second in enumerate(matrices):
            np.testing.assert_array_equal(first.T @ second, np.eye(widths[a]) if a == b else np.zeros((widths[a], widths[b])))
    np.testing.assert_array_equal(sum(e @ e.T for e in matrices), np.eye(sum(widths)))
    parts = [mc.tensor(rng.normal(size=(2, n, 3)), requires_grad=True) for n in widths]
    y = mc.cat(parts, 1)
    np.testing.assert_array_equal(as_array(y), sum(np.einsum("cb,nbp->ncp", e, as_array(p)) for e, p in zip(matrices, parts)))
    dy = rng.normal(size=y.shape)
    y.backward(mc.tensor(dy))
    for part, e, o, n in zip(parts, matrices, offsets, widths):
        np.testing.assert_array_equal(part.grad.numpy(), dy[:, o : o + n])
        np.testing.assert_array_equal(part.grad.numpy(), np.einsum("cb,ncp->nbp", e, dy))


@pytest.mark.equation("7.4")
@given(widths=cuts(), seed=st.integers(0, 999))
def test_backward_of_cutting_is_padding(widths, seed):
    rng, (matrices, offsets) = np.random.default_rng(seed), placed(widths)
    x = mc.tensor(rng.normal(size=(2, sum(widths), 3)), requires_grad=True)
    gradients = [rng.normal(size=(2, n, 3)) for n in widths]
    pieces = [x[:, int(o) : int(o) + n] for o, n in zip(offsets, widths)]
    found, = mc.grad(sum((p * mc.tensor(g)).sum() for p, g in zip(pieces, gradients)), [x])
    np.testing.assert_array_equal(found.numpy(), sum(np.einsum("cb,nbp->ncp", e, g) for e, g in zip(matrices, gradients)))
    np.testing.assert_array_equal(found.numpy(), np.concatenate(gradients, axis=1))
    one, = mc.grad((x[:, int(offsets[-1]) :] * mc.tensor(gradients[-1])).sum(), [x])
    padded = np.zeros(x.shape)
    padded[:, offsets[-1] :] = gradients[-1]
    np.testing.assert_array_equal(one.numpy(), padded)


@pytest.mark.equation("7.5")
@pytest.mark.parametrize("seed", range(2))
def test_backward_of_a_module_adds_four_terms(seed):
    rng = np.random.default_rng(seed)
    module, weights = module_of(3)
    w = {name: as_array(weight) for name, weight in weights.items()}
    x, tx = (x := rng.normal(size=(1, 3, 4, 3))), mc.tensor(x, requires_grad=True)
    y = module(tx)
    dy = rng.normal(size=y.shape)
    found = mc.grad((y * mc.tensor(dy)).sum(), [tx, *weights.values()])
    outputs, h3, h5 = branches(x, w)
    d1, d2, d3, d4 = (g * (out > 0) for g, out in zip(np.split(dy, [3, 8, 14], axis=1), outputs))
    terms, dw = [None] * 4, {}
    terms[0], dw["w1"] = conv_backward(d1, x, w["w1"])
    down, dw["w3"] = conv_backward(d2, h3, w["w3"])
    terms[1], dw["v3"] = conv_backward((h3 > 0) * down, x, w["v3"])
    down, dw["w5"] = conv_backward(d3, h5, w["w5"])
    terms[2], dw["v5"] = conv_backward((h5 > 0) * down, x, w["v5"])
    down, dw["wp"] = conv_backward(d4, pool(x)[0], w["wp"])
    terms[3] = pool_backward(down, x)
    np.testing.assert_allclose(found[0].numpy(), sum(terms), atol=1e-12)
    for name, gradient in zip(weights, found[1:]):
        np.testing.assert_allclose(gradient.numpy(), dw[name], atol=1e-12)
    for term in terms:  # each of the four is needed
        assert abs(found[0].numpy() - (sum(terms) - term)).max() > 1e-2


def test_gradients_of_the_module_of_the_library(rng):
    check_grads(Inception(2, 1, 2, 2, 1, 2, 1, kernel=5, bn=False).double(), rng.normal(size=(2, 2, 4, 3)), order=2, rtol=1e-5)
    check_grads(Inception(2, 1, 2, 2, 1, 2, 1).double(), rng.normal(size=(2, 2, 4, 3)), rtol=1e-5)


@pytest.mark.equation("7.6")
@given(c=st.integers(1, 300), f=st.integers(1, 300), k=st.sampled_from([1, 3, 5, 7]), side=st.integers(1, 28))
def test_a_reduction_pays_below_the_bound(c, f, k, side):
    bound = k * k * c * f / (c + k * k * f)
    assert bound < c and bound == pytest.approx(1 / (1 / (k * k * f) + 1 / c))
    for r in {1, int(bound), int(bound) + 1, c} - {0}:
        reduced, direct = side * side * (c * r + k * k * r * f), side * side * k * k * c * f
        assert (reduced < direct) == (r * (c + k * k * f) < k * k * c * f)
        if abs(r - bound) > 1e-9 * bound:
            assert (reduced < direct) == (r < bound)


@pytest.mark.equation("7.6")
def test_the_numbers_of_module_3a():
    c, (n1, r3, n3, r5, n5, _) = 192, MODULES["3a"]
    assert round(25 * c * n5 / (c + 25 * n5), 1) == 154.8 and round(9 * c * n3 / (c + 9 * n3), 1) == 164.6
    assert (r5, r3) == (16, 96)
    naive = nn.ModuleList([nn.Conv2d(c, n1, 1), nn.Conv2d(c, n3, 3, padding=1), nn.Conv2d(c, n5, 5, padding=2)])
    assert round(sum(inspect.count_macs(layer, (c, 28, 28)) for layer in naive) / 1e6, 1) == 303.5
    assert round(inspect.count_macs(Inception(c, *MODULES["3a"], kernel=5), (c, 28, 28)) / 1e6, 1) == 128.0


def cost(c, n1, r3, n3, r5, n5, p, pixels):
    """(weights, biases, multiply-adds) by (7.7)."""
    weights = c * (n1 + r3 + r5 + p) + 9 * r3 * n3 + 25 * r5 * n5
    return weights, n1 + r3 + n3 + r5 + n5 + p, pixels * weights


@pytest.mark.equation("7.7")
@given(widths=st.lists(st.integers(1, 9), min_size=6, max_size=6), c=st.integers(1, 9), h=st.integers(1, 5), w=st.integers(1, 5))
def test_cost_of_a_module(widths, c, h, w):
    weights, biases, macs = cost(c, *widths, h * w)
    with nn.init.no_init():
        module = Inception(c, *widths, kernel=5, bn=False)
    seen = inspect.summary(module, (c, h, w))
    assert (seen.parameters, seen.macs) == (weights + biases, macs)


@pytest.mark.equation("7.8")
@pytest.mark.parametrize(("c", "r", "f", "k"), [(6, 2, 4, 3), (3, 5, 4, 3), (5, 3, 2, 5)])
def test_a_reduction_without_relu_is_a_kernel_of_low_rank(rng, c, r, f, k):
    w, v, x = rng.normal(size=(f, r, k, k)), rng.normal(size=(r, c)), rng.normal(size=(2, c, 6, 5))
    u = np.einsum("fqij,qc->fcij", w, v)
    np.testing.assert_allclose(conv(conv(x, v[:, :, None, None]), w), conv(x, u), atol=1e-10)
    matrix = u.transpose(0, 2, 3, 1).reshape(f * k * k, c)
    assert np.linalg.matrix_rank(matrix) == min(r, c)  # at most r
    with_relu = conv(relu(conv(x, v[:, :, None, None])), w)
    assert abs(with_relu - conv(x, u)).max() > 0.1
    left, values, right = np.linalg.svd(matrix, full_matrices=False)  # and back: any such kernel is a reduction and a k x k
    back_w = (left * values)[:, :r].reshape(f, k, k, -1).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(conv(conv(x, right[:r, :, None, None]), back_w), conv(x, u), atol=1e-10)


@pytest.mark.equation("7.9")
def test_a_separable_first_layer_has_the_printed_figures():
    with nn.init.no_init():
        separable = nn.Sequential(nn.Conv2d(3, 24, 7, 2, 3, groups=3, bias=False), nn.Conv2d(24, 64, 1, bias=False))
        plain = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    seen, full = (inspect.summary(layer, (3, 224, 224)) for layer in (separable, plain))
    assert seen.parameters == 2712 and round(seen.parameters / 1e3, 1) == 2.7 and round(seen.macs / 1e6) == 34
    assert (full.parameters, full.macs) == (9408, 9408 * 112 ** 2) and round(full.macs / seen.macs, 2) == 3.47
    others = [m for m in range(1, 17) if round((147 * m + 192 * m) / 1e3, 1) == 2.7]
    assert others == [8]  # no other multiplier fits


@pytest.mark.equation("7.10")
@given(n=st.integers(1, 40), k=st.integers(1, 7), s=st.integers(1, 5), data=st.data())
def test_size_of_pooling_in_ceil_mode(n, k, s, data):
    p = data.draw(st.integers(0, k // 2))
    if n + 2 * p < k:
        return
    size = -(-(n + 2 * p - k) // s) + 1
    size -= (size - 1) * s >= n + p
    begins = [b for b in range(0, n + 2 * p, s) if b < n + p]  # windows that begin before the end
    needed = next((i + 1 for i, b in enumerate(begins) if b + k >= n + 2 * p), len(begins))
    assert size == needed
    assert F.max_pool2d(mc.zeros(1, 1, n, n), k, s, p, ceil_mode=True).shape == (1, 1, size, size)


@pytest.mark.equation("7.10")
def test_sizes_of_the_table_need_ceil_mode():
    up, down = [112], [112]
    for _ in range(4):
        up.append(F.max_pool2d(mc.zeros(1, 1, up[-1], 1), (3, 1), (2, 1), ceil_mode=True).shape[2])
        down.append(F.max_pool2d(mc.zeros(1, 1, down[-1], 1), (3, 1), (2, 1)).shape[2])
    assert up[1:] == [56, 28, 14, 7] and down[1:] == [55, 27, 13, 6]
    assert F.max_pool2d(mc.zeros(1, 1, 1, 1), 2, 2, 1, ceil_mode=True).shape[2] == 1  # the last clause: ceil(1/2) + 1 would be 2


def exact_rows():
    """{row of table 1: (weights, biases, multiply-adds)}, from its columns."""
    rows = {"convolution 7x7/2": (9408, 64, 9408 * 112 ** 2), "convolution 3x3/1": (64 * 64 + 9 * 64 * 192, 256, 114_688 * 56 ** 2)}
    c = 192
    for name, widths in MODULES.items():
        rows[f"inception {name}"] = cost(c, *widths, {"3": 28, "4": 14, "5": 7}[name[0]] ** 2)
        c = widths[0] + widths[2] + widths[4] + widths[5]
    return {**rows, "linear": (c * 1000, 1000, c * 1000)}


@pytest.mark.equation("7.11")
def test_totals_of_table_1():
    weights, biases, macs = (sum(column) for column in zip(*exact_rows().values()))
    assert (weights, biases, macs) == (6_990_272, 8_280, 1_582_671_872)
    assert weights + biases == 6_998_552 and biases - 64 - 256 - 1000 == 6_960
    assert 7 * 7 * 1024 * 1000 == 50_176_000 and 50_176_000 / 6_998_552 > 7
    assert round(60_965_224 / 6_998_552, 1) == 8.7  # the paper says twelve times fewer than AlexNet
    params, ops = (sum(column) for column in zip(*PRINTED.values()))
    assert round(params / 1e3, 1) == 6.8 and round(ops / 1e3, 2) == 1.50
    assert round((macs - (9408 - 2712) * 112 ** 2) / 1e9, 2) == 1.50  # the same with the separable first row of (7.9)


@pytest.mark.equation("7.11")
def test_depth_is_22():
    """Each unit of the library's net hands on the largest number of layers of weights behind it, as a constant image."""
    with nn.init.no_init():
        net = models.googlenet(1, width=1, in_channels=1, aux_logits=False, paper_kernels=True, dropout=0.0).eval()
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):  # one layer deeper than the deepest channel that comes in
            module.forward = lambda x, m=module: _deeper(x, m)
    assert net(mc.zeros(1, 1, 64, 64)).max().item() == 22
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == 3 + 6 * 9 + 1


def _deeper(x, module):
    depth = x.max().item() + 1
    if isinstance(module, nn.Linear):
        return mc.full((len(x), module.out_features), depth)
    side = (x.shape[2] + 2 * module.padding[0] - module.kernel_size[0]) // module.stride[0] + 1
    return mc.full((len(x), module.out_channels, side, side), depth)


@pytest.mark.equation("7.12")
def test_heads_add_their_gradient_to_what_lies_below_them(rng):
    mc.manual_seed(0)
    net = models.googlenet(3, width=4, in_channels=1, small_images=True, paper_kernels=True, dropout=0.0, dropout_aux=0.0).double()
    x, labels = mc.tensor(rng.normal(size=(4, 1, 28, 28))), mc.tensor(np.array([0, 1, 2, 0]))
    losses = [F.cross_entropy(logits, labels) for logits in net(x)]  # of the top, of the head after 4d, of that after 4a
    watched = {"inception3b": 2, "inception4c": 1, "inception4e": 0}  # how many heads lie above
    for name, heads in watched.items():
        weight = getattr(net, name).branch2[1].conv.weight
        parts = [mc.grad(loss, [weight], retain_graph=True, allow_unused=True)[0] for loss in losses]
        assert [p is not None for p in parts] == [True, heads >= 1, heads >= 2]
        whole, = mc.grad(losses[0] + 0.3 * (losses[1] + losses[2]), [weight], retain_graph=True)
        expected = parts[0].numpy() + sum(0.3 * p.numpy() for p in parts[1:] if p is not None)
        np.testing.assert_allclose(whole.numpy(), expected, rtol=1e-9, atol=1e-15)
    assert F.avg_pool2d(mc.zeros(1, 1, 14, 14), 5, 3).shape == (1, 1, 4, 4)


def test_e12_params_and_ops_that_the_columns_do_not_give():
    """Off by more than 1K (of 1024) or 1M: seven figures of params and two of ops, and no others."""
    exact = exact_rows()
    off_params = {row for row, (params, _) in PRINTED.items() if abs(params - exact[row][0] / 1024) > 1}
    off_ops = {row for row, (_, ops) in PRINTED.items() if abs(ops - exact[row][2] / 1e6) > 1}
    assert off_params == WRONG_PARAMS and off_ops == WRONG_OPS
    assert abs(112 - 114_688 / 1000) > 2 and 114_688 == 112 * 1024 and exact["linear"][0] == 1000 * 1024  # K is 1024
    for row in WRONG_PARAMS:  # biases do not mend it, nor does K = 1000
        weights, biases, _ = exact[row]
        for count in ((weights + biases) / 1024, weights / 1000, (weights + biases) / 1000):
            assert abs(PRINTED[row][0] - count) > 1
    assert round(1072 * 1024 * 49 / 1e6) == 54 and 1072 * 1024 - exact["inception 5a"][0] == 55_296  # 5a: wrong, but of a piece


def test_e12_the_note_and_the_model_print_what_is_exact():
    """The tables in the note and in the header of googlenet.py, against the columns."""
    exact = exact_rows()
    note = {}
    for line in NOTE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        if len(cells) == 14 and re.fullmatch(r"[\d.]+K", cells[10]):
            name = f"{cells[0]} {cells[1]}" if cells[0] == "convolution" else cells[0]
            note[name] = (float(cells[10][:-1]), float(cells[11]), float(cells[12][:-1]), float(cells[13]))
    assert set(note) == set(exact)
    for row, (params, in_k, ops, in_m) in note.items():
        assert (params, ops) == PRINTED[row]
        assert in_k == round(exact[row][0] / 1024, 1) and in_m == round(exact[row][2] / 1e6, 1)
    header = re.findall(r"^\| (\S.*?) \| \d+x\S+ \| ([\d.]+)K \| ([\d,]+) \| ([\d.]+) \| (\d+)M \| ([\d,]+) \| (.*) \|$",
                        MODEL.read_text(encoding="utf-8"), re.M)
    assert [row[0] for row in header] == list(exact)
    for name, params, weights, in_k, ops, macs, verdict in header:
        counted = int(weights.replace(",", "")), int(macs.replace(",", ""))
        assert counted == (exact[name][0], exact[name][2]) and float(in_k) == round(counted[0] / 1024, 1)
        assert (float(params), float(ops)) == PRINTED[name]
        assert ("wrong, both" in verdict) == (name in WRONG_OPS) and verdict.startswith("ok") == (
            name not in WRONG_PARAMS and name != "inception 4b")


def test_units_of_the_two_forms():
    """Batch normalization in place of a bias, eps as torchvision has it; never both."""
    with_bn, without = ConvUnit(2, 3, 1), ConvUnit(2, 3, 1, bn=False)
    assert with_bn.conv.bias is None and with_bn.bn.eps == 1e-3
    assert without.bn is None and without.conv.bias.shape == (3,)
