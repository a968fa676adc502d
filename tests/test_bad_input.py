"""Every public function refuses bad input with one typed error that names function, argument, expectation and gift."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import data, nn, optim
from minicnn.errors import InputError
from minicnn.nn import functional as F
from minicnn.ops.checks import describe


def t(*shape):
    return mc.zeros(*shape)


def labels(*values):
    return mc.tensor(list(values))


# (what a user does, what the message must say)
CASES = [
    (lambda: mc.tensor(["a"]), "Tensor: data must be numbers: float32, float64, integers or booleans, got dtype <U1"),
    (lambda: mc.tensor(np.zeros(2, np.float16)), "float16"),
    (lambda: mc.tensor(np.zeros(2, complex)), "complex128"),
    (lambda: mc.tensor([1, 2]).requires_grad_(), "requires_grad_: the tensor must be floating-point, got dtype int64"),
    (lambda: t(2, 3).item(), "Tensor.item: the tensor must be of exactly one entry, got shape (2, 3)"),
    (lambda: bool(t(2)), "bool: the tensor must be of one entry, got shape (2,). Use .any() or .all()"),
    (lambda: t(2, 3) @ t(2, 3), "matmul: "),
    (lambda: t(2) + t(3), "add: its arguments must be arrays that fit together, got u: float32 (2,), v: float32 (3,)"),
    (lambda: t(2, 3).reshape(4), "reshape: shape must be lengths with product 6 (shape (2, 3)), at most one -1, got (4,)"),
    (lambda: t(2, 3).permute(0, 0), "permute: dims must be each of the 2 axes once, got (0, 0)"),
    (lambda: t(2, 3).transpose(0, 2), "transpose: dim1 must be an int from -2 to 1 for 2 dimensions, got 2"),
    (lambda: t(2, 3).sum(dim=2), "dim must be from -2 to 1 for 2 dimensions, got 2"),
    (lambda: t(2, 3).mean(dim=(0, 0)), "dim must be distinct axes, got (0, 0)"),
    (lambda: labels(1, 2).mean(), "mean: the tensor must be floating-point, got dtype int64. Convert it with .float()"),
    (lambda: mc.cat([]), "cat: tensors must be a non-empty list or tuple of tensors"),
    (lambda: mc.cat([t(2, 3), t(2, 4)]), "cat: tensors must be of shapes that agree except along dim 0"),
    (lambda: mc.stack([t(2), t(3)]), "stack: tensors must be all of one shape, got [(2,), (3,)]"),
    (lambda: t(5).split([2, 2]), "split: split_size must be sizes that add up to 5, got [2, 2]"),
    (lambda: t(5).chunk(0), "chunk: chunks must be a positive int, got 0"),
    (lambda: t(2, 3).expand(2, 4), "expand: shape must be one that (2, 3) can be stretched to, got (2, 4)"),
    (lambda: t(2, 3).expand(-1, 2, 3), "expand: shape must be one that (2, 3) can be stretched to, got (-1, 2, 3)"),
    (lambda: t(3).gather(0, labels(0, 3)), "gather: index must be from 0 to 2, got values from 0 to 3"),
    (lambda: t(3).gather(0, t(2)), "gather: index must be a tensor of integers, got float32"),
    (lambda: t(3).topk(4), "topk: k must be from 0 to 3, got 4"),
    (lambda: t().topk(2), "topk: k must be from 0 to 1, got 2"),
    (lambda: F.conv2d(t(1, 1, 2, 5), t(1, 1, 3, 3)), "conv2d: input must be of padded height at least 3, which the kernel covers, got 2"),
    (lambda: F.conv2d(t(1, 1, 5, 4), t(1, 1, 3, 3), dilation=2), "padded width at least 5, which the kernel covers, got 4"),
    (lambda: t(1).reshape(()).sum(dim=1), "dim must be from -1 to 0"),
    (lambda: F.prelu(t(5), t(2)), "prelu: weight must be of shape (1,) or (1,), got shape (2,)"),
    (lambda: F.prelu(t(2, 3), t(2)), "prelu: weight must be of shape (1,) or (3,), got shape (2,)"),
    (lambda: t(3).clamp(), "clamp: min, max must be at least one number"),
    (lambda: mc.einsum("ij,jk", t(2, 3)), "einsum: subscripts must be one group of letters per array (1)"),
    (lambda: mc.einsum("ii->i", t(2, 2)), "einsum: subscripts must be one letter per axis, none twice in a group"),
    (lambda: mc.zeros(-1), "zeros: size must be lengths >= 0, got (-1,)"),
    (lambda: mc.manual_seed(-3), "manual_seed: seed must be an int >= 0, got -3"),
    (lambda: t(2).to("gpu"), "must be"),
    (lambda: F.pad(t(2), (1,)), "pad: pad must be an even number of ints, at most 2, got (1,)"),
    (lambda: F.pad(t(1, 3), (3, 0), mode="reflect"), "pad: pad must be from 0 to 2 along dim 1 for mode 'reflect', got (3, 0)"),
    (lambda: F.pad(t(1, 0), (1, 0), mode="replicate"), "pad: pad must be from 0 to None along dim 1 for mode 'replicate', got (1, 0)"),
    *[(lambda size=size: F.grid_sample(t(1, 2, *size), t(1, 2, 2, 2)),
       f"grid_sample: input must be of non-empty height and width, got shape {(1, 2, *size)}") for size in ((0, 3), (3, 0))],
    (lambda: F.softmax(t(2, 3)), "softmax: dim must be given, got None"),
    (lambda: F.relu(labels(1)), "relu: input must be floating-point, got dtype int64"),
    (lambda: F.relu(np.zeros((1,))[0]), "relu: input must be a Tensor, got float64"),
    (lambda: F.dropout(t(2), p=1.5), "dropout: p must be a probability from 0 to 1, got 1.5"),
    (lambda: F.linear(t(2, 3, 4), t(5, 12)), "linear: input must be of shape (..., 12) for a weight of shape (5, 12), got shape (2, 3, 4). Did you forget to flatten?"),
    (lambda: F.cross_entropy(t(2, 3), labels(0, 3)), "cross_entropy: target must be labels from 0 to 2 (or ignore_index -100), got values from 0 to 3. Labels count from 0"),
    (lambda: F.cross_entropy(t(2, 3), labels(0)), "cross_entropy: target must be integers of shape (2,) for an input of shape (2, 3), got shape (1,)"),
    (lambda: F.cross_entropy(t(2, 3), labels(0, 1), weight=t(2)), "cross_entropy: weight must be of shape (3,), one number per class, got shape (2,)"),
    (lambda: F.cross_entropy(t(2, 3), labels(0, 1), label_smoothing=2), "cross_entropy: label_smoothing must be from 0 to 1, got 2"),
    (lambda: F.cross_entropy(t(2, 3), labels(0, 1), reduction="avg"), "cross_entropy: reduction must be one of 'none', 'mean', 'sum', got 'avg'"),
    (lambda: F.mse_loss(t(2, 1), t(2)), "mse_loss: target must be of the input's shape (2, 1), got shape (2,)"),
    (lambda: F.binary_cross_entropy(t(2) + 2, t(2)), "binary_cross_entropy: input must be probabilities from 0 to 1"),
    (lambda: F.batch_norm(t(1, 3), None, None, training=True), "batch_norm: input must be more than one value per channel in training, got shape (1, 3)"),
    (lambda: F.layer_norm(t(2, 3), (4,)), "layer_norm: input must be of a shape that ends in (4,), got shape (2, 3)"),
    (lambda: F.group_norm(t(2, 3), 2), "group_norm: num_groups must be a positive divisor of the 3 channels, got 2"),
    (lambda: F.conv2d(t(1, 3, 8, 8), t(4, 2, 3, 3)), "conv2d: input must be of 2 channels for a weight of shape (4, 2, 3, 3) and groups=1, got shape (1, 3, 8, 8)"),
    (lambda: F.conv2d(t(1, 3, 2, 2), t(4, 3, 3, 3)), "conv2d: input must be of padded height at least 3, which the kernel covers, got 2"),
    (lambda: F.conv2d(t(1, 3, 8, 8), t(4, 3, 3, 3), stride=0), "conv2d: stride must be an int or a pair of ints >= 1, got 0"),
    (lambda: F.conv2d(t(1, 3, 8, 8), t(4, 3, 3, 3), stride=(1, 1, 1)), "conv2d: stride must be an int or a pair of ints >= 1, got (1, 1, 1)"),
    (lambda: F.conv2d(t(1, 3, 8, 8), t(4, 3, 3, 3), stride=2, padding="same"), "conv2d: padding must be a number with a stride above 1, got 'same'"),
    (lambda: F.conv2d(t(1, 3, 8, 8), t(4, 3, 3, 3).double()), "conv2d: weight must be of dtype float32, as the tensor beside it, got float64"),
    (lambda: F.conv_transpose2d(t(1, 3, 4, 4), t(3, 2, 3, 3), output_padding=1), "conv_transpose2d: output_padding must be smaller than stride (1, 1) or dilation (1, 1), got (1, 1)"),
    (lambda: F.max_pool2d(t(1, 1, 4, 4), 5), "max_pool2d: kernel_size must be no larger than the padded input (4, 4), got (5, 5)"),
    (lambda: F.max_pool2d(t(1, 1, 4, 4), 2, padding=2), "max_pool2d: padding must be at most half of the kernel size (2, 2), got (2, 2)"),
    (lambda: F.interpolate(t(1, 1, 4, 4)), "interpolate: size, scale_factor must be exactly one of the two given"),
    (lambda: F.grid_sample(t(1, 1, 4, 4), t(2, 3, 3, 2)), "grid_sample: grid must be of shape (1, h, w, 2), got shape (2, 3, 3, 2)"),
    (lambda: F.one_hot(labels(0, 5), 3), "one_hot: input must be from 0 to 2, got values from 0 to 5"),
    (lambda: F.pixel_shuffle(t(1, 3, 2, 2), 2), "pixel_shuffle: input must be of a multiple of 4 channels"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: "),
    (lambda: nn.Dropout(-0.1), "Dropout: p must be"),
    (lambda: nn.Linear(0, 2), "Linear: in_features must be"),
    (lambda: nn.Sequential(nn.ReLU(), 3), "Sequential: "),
    (lambda: optim.SGD([], lr=0.1), "SGD: "),
    (lambda: optim.SGD([t(2).requires_grad_()], lr=-1), "SGD: lr must be"),
    (lambda: optim.Adam([t(2).requires_grad_()], betas=(1.0, 0.9)), "Adam: "),
    (lambda: nn.Linear(2, 3).load_state_dict({}), "Linear.load_state_dict: state_dict must be of this module's names and shapes, got missing: weight, bias. Build the module as it was when it was saved"),
    (lambda: F.relu([1.0]), "relu: input must be a Tensor, got list [1.0]. Wrap it: minicnn.tensor(data)"),
    (lambda: F.layer_norm(t(2, 3), 3, eps=-1), "layer_norm: eps must be a number >= 0, got int -1"),
    (lambda: F.softplus(t(2), beta=0), "softplus: beta must be positive, got 0"),
    (lambda: F.softplus(t(2), beta="2"), "softplus: beta must be a number, got str '2'"),
    (lambda: F.max_pool2d(t(1, 1, 4, 4), 2, ceil_mode="yes"), "max_pool2d: ceil_mode must be True or False, got str 'yes'"),
    (lambda: F.linear(t(2, 3), t(4, 3).double()), "linear: weight must be of dtype float32, as the tensor beside it, got float64. Convert one with .to(dtype)"),
    (lambda: nn.BatchNorm2d(3, momentum="slow"), "BatchNorm2d: momentum must be a number or None, got str 'slow'"),
    (lambda: nn.BatchNorm2d(3)(t(1, 3, 1, 1)), "batch_norm: input must be more than one value per channel in training, got shape (1, 3, 1, 1). A variance needs two values: use a larger batch, or model.eval()"),
    (lambda: nn.init.normal_(t(2), std=float("nan")), "normal_: std must be a finite number, got float nan"),
    (lambda: t(2, 3).reshape("a"), "reshape: shape must be ints, got str 'a'"),
    (lambda: t(2, 3).add_(t(4)), "add_: the other operand must be a number, or of a shape that fits (2, 3), got float32 of shape (4,)"),
    (lambda: t(2, 3).sum(True), "sum: dim must be an int, or several in a tuple, got True"),
    (lambda: mc.zeros(2, dtype="real"), "dtype must be a NumPy dtype such as np.float32, got 'real'"),
    (lambda: data.DataLoader([]), "DataLoader: dataset must be at least one sample long, got an empty data set. Check the path, the split and the filter that made it"),
    (lambda: nn.Linear(2, 3).load_state_dict({"weight": np.zeros((2, 3), "f"), "bias": np.zeros(3, "f")}), "(3, 2)"),
]


@pytest.mark.parametrize("act, message", CASES, ids=[m[:40] for _, m in CASES])
def test_message(act, message):
    with pytest.raises(InputError) as caught:
        act()
    assert message in str(caught.value)


def test_there_are_at_least_forty():
    assert len(CASES) >= 40


def test_an_input_error_is_a_value_error_and_a_type_error():
    with pytest.raises(ValueError):
        mc.cat([])
    with pytest.raises(TypeError):
        mc.cat([])


def test_nan_loss_stops_backward_with_advice():
    from minicnn.errors import AnomalyError

    x = mc.tensor([float("nan")], requires_grad=True)
    with pytest.raises(AnomalyError, match="the loss is nan.*detect_anomaly"):
        (x * 2).sum().backward()


@pytest.mark.parametrize("length", [60, 200])
def test_long_values_are_cut_off_at_80_characters(length):
    shown = describe("x" * length)
    assert shown == f"str '{'x' * length}'"[:80] and len(shown) == min(80, length + 6)


@pytest.mark.parametrize("dim", [-4, 3])
def test_unsqueeze_refuses_places_beyond_the_end(dim):
    with pytest.raises(InputError, match="unsqueeze: dim must be"):
        t(2, 3).unsqueeze(dim)
