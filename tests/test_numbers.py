"""Finite values and finite gradients where numbers are extreme, in float32; and what happens to other precisions."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.errors import InputError
from minicnn.nn import functional as F

EXTREMES = {
    "zeros": np.zeros((2, 4)),
    "large": np.full((2, 4), 1e4),
    "large and negative": np.full((2, 4), -1e4),
    "all equal": np.full((2, 4), 3.7),
    "far apart": np.array([[1e4, -1e4, 0, 1], [-1e4, 1e4, -1e4, 1e4]]),
    "one hot": np.eye(4)[:2],
    "tiny": np.full((2, 4), 1e-30),
    "one row": np.array([[1e4, -1e4, 0.0, 5.0]]),
}

ACTIVATIONS = {
    "relu": F.relu, "leaky_relu": F.leaky_relu, "prelu": lambda x: F.prelu(x, mc.tensor([0.25])), "elu": F.elu, "silu": F.silu,
    "gelu": F.gelu, "gelu tanh": lambda x: F.gelu(x, approximate="tanh"), "sigmoid": mc.sigmoid, "tanh": mc.tanh,
    "softplus": F.softplus, "hardtanh": F.hardtanh, "softmax": lambda x: F.softmax(x, dim=1),
    "log_softmax": lambda x: F.log_softmax(x, dim=1), "logsumexp": lambda x: x.logsumexp(dim=1),
    "softmax over one": lambda x: F.softmax(x.reshape(-1, 1), dim=1), "erf": mc.erf,
}
NORMALISERS = {
    "batch_norm": lambda x: F.batch_norm(mc.cat([x, x]), None, None, training=True),
    "batch_norm of images": lambda x: F.batch_norm(x.reshape(-1, 1, 2, 2), None, None, training=True),
    "layer_norm": lambda x: F.layer_norm(x, (4,)), "group_norm": lambda x: F.group_norm(x.reshape(-1, 4, 1), 2),
    "instance_norm": lambda x: F.instance_norm(x.reshape(-1, 2, 2)), "normalize": lambda x: F.normalize(x, dim=1),
    "local_response_norm": lambda x: F.local_response_norm(x.reshape(-1, 4, 1, 1), 3),
    "rms by hand": lambda x: x * (x * x).mean(dim=1, keepdim=True).add(1e-6).rsqrt(),
}


def labels(x):
    return mc.tensor(np.arange(len(x)) % 4)


def certain(x):
    """One-hot targets."""
    return mc.from_numpy(np.eye(4, dtype=np.float32)[np.arange(len(x)) % 4])


LOSSES = {
    "cross_entropy": lambda x: F.cross_entropy(x, labels(x)),
    "cross_entropy, smoothed": lambda x: F.cross_entropy(x, labels(x), label_smoothing=0.1),
    "cross_entropy, soft targets": lambda x: F.cross_entropy(x, certain(x)),
    "cross_entropy, weighted": lambda x: F.cross_entropy(x, labels(x), weight=mc.tensor([1.0, 0.5, 2.0, 1.0])),
    "nll_loss": lambda x: F.nll_loss(F.log_softmax(x, dim=1), labels(x)),
    "bce_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, certain(x)),
    "mse_loss": lambda x: F.mse_loss(x, certain(x)), "l1_loss": lambda x: F.l1_loss(x, certain(x)),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, certain(x)),
    "kl_div": lambda x: F.kl_div(F.log_softmax(x, dim=1), certain(x), reduction="batchmean"),
}


@pytest.mark.parametrize("start", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("function", [*ACTIVATIONS.values(), *NORMALISERS.values(), *LOSSES.values()],
                         ids=[*ACTIVATIONS, *NORMALISERS, *LOSSES])
def test_finite_with_finite_gradient(function, start):
    x = mc.tensor(start.astype(np.float32), requires_grad=True)
    y = function(x)
    assert y.dtype == np.float32 and np.isfinite(y.detach().numpy()).all()
    y.sum().backward()
    assert x.grad.dtype == np.float32 and np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("start", EXTREMES.values(), ids=EXTREMES)
def test_attention_is_finite(start):
    q = mc.tensor(start.astype(np.float32)[None], requires_grad=True)
    y = F.scaled_dot_product_attention(q, q, q)
    y.sum().backward()
    assert np.isfinite(y.detach().numpy()).all() and np.isfinite(q.grad.numpy()).all()


def test_extremes_have_the_values_they_should():
    """Finite is not enough: a few limits that are known."""
    x = mc.tensor(np.array([[1e4, -1e4]], np.float32))
    assert F.cross_entropy(x, mc.tensor([1])).item() == pytest.approx(2e4)
    assert F.cross_entropy(x, mc.tensor([0])).item() == 0
    assert F.binary_cross_entropy_with_logits(x, mc.tensor([[0.0, 0.0]])).item() == pytest.approx(5e3)
    np.testing.assert_array_equal(F.softmax(x, dim=1).numpy(), [[1, 0]])
    np.testing.assert_array_equal(F.softplus(x).numpy(), [[1e4, 0]])
    np.testing.assert_array_equal(F.normalize(mc.zeros(1, 3)).numpy(), [[0, 0, 0]])
    zero = mc.zeros(1, 3).requires_grad_()
    F.normalize(zero).sum().backward()
    assert np.isfinite(zero.grad.numpy()).all()


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3)], ids=["1d", "2d"])
def test_one_value_a_channel_is_refused_in_training(layer):
    x = mc.zeros(1, 3) if isinstance(layer, nn.BatchNorm1d) else mc.zeros(1, 3, 1, 1)
    with pytest.raises(InputError, match="more than one value"):
        layer(x)


# ---------------------------------------------------------------------------------------------------- other precisions


def test_float16_is_refused_with_what_to_do():
    for make in (lambda a: mc.tensor(a), mc.from_numpy):
        with pytest.raises(InputError, match="float32"):
            make(np.ones(3, np.float16))
    with pytest.raises(InputError, match="float32"):
        mc.zeros(3).to(np.float16)


@pytest.mark.parametrize("dtype", [np.complex64, "U3", object])
def test_what_is_no_number_is_refused(dtype):
    with pytest.raises(InputError):
        mc.tensor(np.zeros(3).astype(dtype))


def test_float32_and_float64_meet_in_float64_and_each_leaf_gets_its_own():
    a, b = mc.tensor(np.ones(3, np.float32), requires_grad=True), mc.tensor(np.ones(3), requires_grad=True)
    y = a * b
    y.sum().backward()
    assert (y.dtype, a.grad.dtype, b.grad.dtype) == (np.float64, np.float32, np.float64)
