"""Layers against torch: same state_dict keys and layouts, same outputs, same gradients of inputs and parameters."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn

torch = pytest.importorskip("torch", reason="second opinion")
pytestmark = [pytest.mark.filterwarnings("ignore:Using padding='same'"),
              pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")]

IMAGE, SEQUENCE, ROWS = (3, 4, 6, 5), (3, 4, 7), (5, 4)

LAYERS = [  # (name, arguments, keyword arguments, input shape)
    ("Linear", (4, 3), {}, ROWS), ("Linear", (4, 3), {"bias": False}, (2, 5, 4)), ("Identity", (), {}, ROWS),
    ("Flatten", (), {}, IMAGE), ("Flatten", (2,), {}, IMAGE), ("Unflatten", (1, (2, 2)), {}, IMAGE),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1}, SEQUENCE), ("Conv1d", (4, 6, 2), {"groups": 2, "dilation": 2}, SEQUENCE),
    ("Conv2d", (4, 6, 3), {}, IMAGE), ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "bias": False}, IMAGE),
    ("Conv2d", (4, 6, 3), {"padding": "same", "dilation": 2}, IMAGE), ("Conv2d", (4, 6, 2), {"padding": "same"}, IMAGE),
    ("Conv2d", (4, 4, 3), {"groups": 4, "padding": 1}, IMAGE), ("Conv2d", (4, 6, 3), {"padding": "valid"}, IMAGE),
    ("Conv2d", (4, 6, 3), {"padding": 1, "padding_mode": "reflect"}, IMAGE),
    ("Conv2d", (4, 6, 3), {"padding": 2, "padding_mode": "circular"}, IMAGE),
    ("Conv2d", (4, 6, 3), {"padding": "same", "padding_mode": "replicate"}, IMAGE),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}, IMAGE),
    ("ConvTranspose2d", (4, 6, 2), {"groups": 2, "dilation": 2}, IMAGE), ("ConvTranspose1d", (4, 6, 3), {"stride": 2}, SEQUENCE),
    ("MaxPool1d", (2,), {}, SEQUENCE), ("MaxPool2d", (2,), {}, IMAGE), ("MaxPool2d", (3, 2, 1), {"ceil_mode": True}, IMAGE),
    ("AvgPool1d", (3, 2, 1), {}, SEQUENCE), ("AvgPool2d", (3, 2, 1), {"count_include_pad": False}, IMAGE),
    ("AvgPool2d", (2,), {"divisor_override": 3}, IMAGE), ("AdaptiveAvgPool1d", (3,), {}, SEQUENCE),
    *[(f"Adaptive{kind}Pool2d", (size,), {}, IMAGE) for kind in ("Avg", "Max") for size in ((1, 2), (2, 1), (1, 1))],
    ("AdaptiveAvgPool2d", (1,), {}, IMAGE), ("AdaptiveAvgPool2d", ((4, 3),), {}, IMAGE), ("AdaptiveMaxPool2d", ((4, 3),), {}, IMAGE),
    ("BatchNorm1d", (4,), {}, ROWS), ("BatchNorm1d", (4,), {}, SEQUENCE), ("BatchNorm2d", (4,), {}, IMAGE),
    ("BatchNorm2d", (4,), {"momentum": None, "eps": 1e-3}, IMAGE), ("BatchNorm2d", (4,), {"affine": False}, IMAGE),
    ("BatchNorm2d", (4,), {"track_running_stats": False}, IMAGE), ("InstanceNorm2d", (4,), {"affine": True}, IMAGE),
    ("InstanceNorm2d", (4,), {"track_running_stats": True}, IMAGE), ("InstanceNorm1d", (4,), {}, SEQUENCE),
    ("LayerNorm", (5,), {}, IMAGE), ("LayerNorm", ((6, 5),), {"bias": False}, IMAGE), ("GroupNorm", (2, 4), {}, IMAGE),
    ("LocalResponseNorm", (3,), {"alpha": 0.1}, IMAGE), ("LocalResponseNorm", (4,), {"alpha": 0.1, "k": 2.0}, IMAGE),
    ("ReLU", (), {}, ROWS), ("ReLU6", (), {}, ROWS), ("LeakyReLU", (0.2,), {}, ROWS), ("PReLU", (), {}, ROWS),
    ("PReLU", (4,), {}, IMAGE), ("ELU", (0.7,), {}, ROWS), ("SELU", (), {}, ROWS), ("Sigmoid", (), {}, ROWS),
    ("LogSigmoid", (), {}, ROWS), ("Tanh", (), {}, ROWS), ("GELU", (), {}, ROWS), ("GELU", ("tanh",), {}, ROWS),
    ("SiLU", (), {}, ROWS), ("Mish", (), {}, ROWS), ("Softplus", (2.0, 1.0), {}, ROWS), ("Hardtanh", (-0.5, 0.7), {}, ROWS),
    ("Hardsigmoid", (), {}, ROWS), ("Hardswish", (), {}, ROWS), ("Softmax", (1,), {}, ROWS), ("LogSoftmax", (-1,), {}, ROWS),
    ("Dropout", (0.0,), {}, ROWS), ("Upsample", (), {"scale_factor": 2}, IMAGE),
    ("Upsample", (), {"size": (9, 4), "mode": "bilinear", "align_corners": True}, IMAGE), ("PixelShuffle", (2,), {}, IMAGE),
    ("PixelUnshuffle", (2,), {}, (2, 3, 6, 4)), ("Unfold", (2, 1, 1, 2), {}, IMAGE), ("ZeroPad2d", (1,), {}, IMAGE),
    ("ReflectionPad2d", ((1, 2, 0, 1),), {}, IMAGE), ("ReplicationPad2d", (2,), {}, IMAGE), ("CircularPad2d", (1,), {}, IMAGE),
    ("ConstantPad2d", ((1, -1, 2, 0), 3.5), {}, IMAGE),
]


def twins(name, args, kwargs):
    """Our layer and torch's in float64, with torch's parameters loaded into ours."""
    ours, theirs = getattr(nn, name)(*args, **kwargs).double(), getattr(torch.nn, name)(*args, **kwargs).double()
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    assert [v.dtype for v in ours.state_dict().values()] == [v.dtype for v in state.values()]
    ours.load_state_dict(state)
    return ours, theirs


def compare(ours, theirs, x):
    a, b = mc.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    np.testing.assert_allclose(y.detach()._data, z.detach().numpy(), rtol=1e-7, atol=1e-10)
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    z.backward(torch.tensor(g))
    np.testing.assert_allclose(a.grad._data, b.grad.numpy(), rtol=1e-7, atol=1e-9)
    for (key, p), q in zip(ours.named_parameters(), theirs.parameters()):
        np.testing.assert_allclose(p.grad._data, q.grad.numpy(), rtol=1e-7, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("name, args, kwargs, shape", LAYERS, ids=[f"{i}-{c[0]}" for i, c in enumerate(LAYERS)])
def test_layer(name, args, kwargs, shape, rng):
    ours, theirs = twins(name, args, kwargs)
    for _ in range(2):  # a second batch sees running statistics that have moved
        compare(ours, theirs, rng.normal(size=shape))
        ours.zero_grad()
        theirs.zero_grad()
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-10)
    compare(ours.eval(), theirs.eval(), rng.normal(size=shape))


@pytest.mark.parametrize("kwargs", [{}, {"batch_first": True}, {"bias": False}], ids=str)
@pytest.mark.parametrize("masks", [{}, {"attn_mask": True}, {"key_padding_mask": True}, {"average_attn_weights": False},
                                   {"attn_mask": True, "key_padding_mask": True}], ids=str)
def test_attention(kwargs, masks, rng):
    ours, theirs = twins("MultiheadAttention", (6, 2), kwargs)
    x, memory = rng.normal(size=(4, 3, 6)), rng.normal(size=(4, 3, 6))
    n, length = (4, 3) if kwargs.get("batch_first") else (3, 4)
    arrays = {"attn_mask": np.triu(np.ones((length, length), bool), 1),
              "key_padding_mask": np.arange(length) >= np.arange(2, 2 + n)[:, None]}
    given = {k: arrays.get(k, v) for k, v in masks.items()}
    traced = {k: mc.Tensor(v) if k in arrays else v for k, v in given.items()}
    y, w = ours(mc.Tensor(x), mc.Tensor(memory), mc.Tensor(memory), **traced)
    z, v = theirs(torch.tensor(x), torch.tensor(memory), torch.tensor(memory),
                  **{k: torch.tensor(v) if k in arrays else v for k, v in given.items()})
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(w.detach().numpy(), v.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_attention_with_a_mask_for_each_head(kind, rng):
    ours, theirs = twins("MultiheadAttention", (6, 2), {"batch_first": True})
    x, mask = rng.normal(size=(3, 4, 6)), rng.uniform(size=(6, 4, 4)) < 0.3  # (samples heads, queries, keys), heads fastest
    mask[:, :, 0] = False
    mask = mask if kind == "bool" else rng.normal(size=mask.shape)
    y, w = ours(*[mc.Tensor(x)] * 3, attn_mask=mc.Tensor(mask), average_attn_weights=False)
    z, v = theirs(*[torch.tensor(x)] * 3, attn_mask=torch.tensor(mask), average_attn_weights=False)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(w.detach().numpy(), v.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name, kwargs, target", [
    ("CrossEntropyLoss", {}, "labels"), ("CrossEntropyLoss", {"label_smoothing": 0.1, "weight": True}, "labels"),
    ("CrossEntropyLoss", {"ignore_index": 1, "reduction": "sum"}, "labels"), ("CrossEntropyLoss", {"reduction": "none"}, "labels"),
    ("CrossEntropyLoss", {"label_smoothing": 0.2, "weight": True}, "probabilities"), ("NLLLoss", {"weight": True}, "labels"),
    ("MSELoss", {}, "real"), ("L1Loss", {"reduction": "sum"}, "real"), ("SmoothL1Loss", {"beta": 0.5}, "real"),
    ("HuberLoss", {"delta": 0.7}, "real"), ("BCEWithLogitsLoss", {"pos_weight": True}, "probabilities"),
    ("KLDivLoss", {"reduction": "batchmean"}, "probabilities"), ("KLDivLoss", {"log_target": True}, "real"),
], ids=str)
def test_loss(name, kwargs, target, rng):
    x = rng.normal(size=(5, 4))
    targets = {"labels": rng.integers(0, 4, 5), "real": rng.normal(size=(5, 4)), "probabilities": rng.dirichlet(np.ones(4), 5)}
    weights = rng.uniform(0.5, 2, 4)
    results = []
    for lib in (mc, torch):
        made = {k: lib.tensor(weights) if k in ("weight", "pos_weight") else v for k, v in kwargs.items()}
        a = lib.tensor(x, requires_grad=True)
        loss = getattr(lib.nn, name)(**made)(a, lib.tensor(targets[target]))
        loss.sum().backward()
        results.append((loss.detach().numpy(), a.grad.numpy()))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name, args", [("Linear", (400, 300)), ("Conv2d", (64, 32, 5))])
def test_default_initialisation_has_torchs_law(name, args):
    """U(-b, b), b = 1/sqrt(fan_in): bounded by b, variance b^2/3 within four standard errors."""
    mc.manual_seed(0)
    layer = getattr(nn, name)(*args)
    fan_in = np.prod(layer.weight.shape[1:])
    bound = 1 / np.sqrt(fan_in)
    for p in layer.parameters():
        assert np.abs(p.data).max() <= bound
        standard_error = bound**2 * np.sqrt((1 / 5 - 1 / 9) / p.numel())
        assert abs((p.data**2).mean() - bound**2 / 3) < 4 * standard_error


@pytest.mark.parametrize("index", [-5, 4, 100])
def test_embedding_refuses_a_padding_index_outside_the_table(index):
    with pytest.raises(mc.errors.InputError, match=f"Embedding: padding_idx must be from -4 to 3, got {index}"):
        mc.nn.Embedding(4, 2, padding_idx=index)


@pytest.mark.parametrize("index", [-4, 3])
def test_embedding_starts_with_a_row_of_zeros_for_padding(index):
    assert np.flatnonzero((mc.nn.Embedding(4, 2, padding_idx=index).weight._data == 0).all(axis=1)).tolist() == [index % 4]


def test_reset_running_stats_starts_anew(rng):
    layer = mc.nn.BatchNorm2d(3)
    fresh = {k: v.numpy().copy() for k, v in layer.state_dict().items()}
    layer(mc.Tensor(rng.normal(size=(4, 3, 2, 2)).astype(np.float32)))
    assert layer.num_batches_tracked.item() == 1
    layer.reset_running_stats()
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), fresh[key], err_msg=key)
