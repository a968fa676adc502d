"""Clipping of gradients, and parameters as one vector."""

import numpy as np
import pytest

from minicnn.errors import AnomalyError, InputError
from minicnn.nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters
from minicnn.tensor import Tensor


def _parameters(scale=1.0, dtype=np.float64):
    """Three parameters with gradients, and one without."""
    rng = np.random.default_rng(0)
    params = [Tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in ((3, 2), (4,), (), (2,))]
    for p in params[:3]:
        p.grad = Tensor((scale * rng.normal(size=p.shape)).astype(dtype))
    return params


def _flat(params):
    return np.concatenate([p.grad._data.ravel() for p in params if p.grad is not None])


@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, float("inf")])
@pytest.mark.parametrize("scale", [0.001, 10.0])
def test_clip_norm_formula(norm_type, scale):
    params = _parameters(scale)
    before = _flat(params)
    norm = np.linalg.norm(before, norm_type)
    total = clip_grad_norm_(iter(params), 0.5, norm_type)
    assert isinstance(total, Tensor) and total.shape == () and total.item() == pytest.approx(norm, rel=1e-14)
    np.testing.assert_allclose(_flat(params), before * min(1, 0.5 / (norm + 1e-6)), rtol=1e-13)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.3, 100.0, float("inf")])
def test_clip_norm_torch(norm_type, max_norm):
    torch = pytest.importorskip("torch")
    params = _parameters(2.0, np.float32)
    theirs = [torch.nn.Parameter(torch.tensor(p._data)) for p in params]
    for t, p in zip(theirs, params[:3]):
        t.grad = torch.tensor(p.grad._data)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    total = clip_grad_norm_(params, max_norm, norm_type)
    assert total.item() == pytest.approx(expected.item(), rel=1e-6) and total.dtype == np.float32
    for p, t in zip(params[:3], theirs):
        assert p.grad.dtype == np.float32
        np.testing.assert_allclose(p.grad._data, t.grad.numpy(), rtol=1e-6)


def test_clip_is_noticed_and_in_place():
    params = _parameters()
    kept, stamp = params[0].grad, params[0].grad._watch().stamp()
    clip_grad_norm_(params, 0.1)
    assert params[0].grad is kept and kept._watch().stamp() > stamp
    stamp = kept._watch().stamp()
    clip_grad_value_(params, 0.01)
    assert params[0].grad is kept and kept._watch().stamp() > stamp


def test_clip_norm_of_what_two_parameters_share():
    """y = a + b sends the same cotangent to both; it must be scaled once."""
    a, b = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    (a + b).sum().backward()
    assert clip_grad_norm_([a, b], 1.0).item() == 2.0
    np.testing.assert_allclose(a.grad._data, 0.5, rtol=1e-6)
    np.testing.assert_allclose(b.grad._data, 0.5, rtol=1e-6)


def test_clip_norm_without_gradients_and_of_one_tensor():
    p = Tensor(np.ones(2), requires_grad=True)
    assert clip_grad_norm_([p], 1.0).item() == 0 and clip_grad_norm_([], 1.0).item() == 0
    p.grad = Tensor(np.array([3.0, 4.0]))
    assert clip_grad_norm_(p, 1.0).item() == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clip_norm_reports_what_is_not_finite(bad):
    p = Tensor(np.ones(2), requires_grad=True)
    p.grad = Tensor(np.array([1.0, bad]))
    with pytest.raises(AnomalyError, match="detect_anomaly"):
        clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad._data[0] == 1
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(clip_grad_norm_([p], 1.0).item())


def test_clip_value():
    params = _parameters()
    before = _flat(params)
    clip_grad_value_(params, 0.5)
    assert np.array_equal(_flat(params), np.clip(before, -0.5, 0.5)) and np.abs(before).max() > 0.5


def test_vector_and_back():
    params = _parameters()
    vector = parameters_to_vector(params)
    assert np.array_equal(vector._data, np.concatenate([p._data.ravel() for p in params]))
    others = [Tensor(np.zeros(p.shape), requires_grad=True) for p in params]
    stamp = others[0]._watch().stamp()
    vector_to_parameters(vector, others)
    assert all(np.array_equal(a._data, b._data) for a, b in zip(params, others))
    assert others[0]._watch().stamp() > stamp
    vector._data[...] = 0
    assert others[0]._data.any()  # a copy


def test_vector_has_a_gradient():
    params = _parameters()
    for p in params:
        p.grad = None
    (parameters_to_vector(params) ** 2).sum().backward()
    assert all(np.allclose(p.grad._data, 2 * p._data) for p in params)


REFUSED = {
    "max_norm": (lambda: clip_grad_norm_(_parameters(), -1), "clip_grad_norm_: max_norm must be a number >= 0, got -1"),
    "norm_type": (lambda: clip_grad_norm_(_parameters(), 1, 0), "norm_type must be a number > 0 or inf, got 0"),
    "array": (lambda: clip_grad_norm_([np.ones(2)], 1), "an iterable of tensors, got one with ndarray"),
    "value": (lambda: clip_grad_value_(_parameters(), float("nan")), "clip_value must be a number >= 0, got nan"),
    "nothing": (lambda: parameters_to_vector([]), "parameters must be at least one tensor, got none"),
    "short": (lambda: vector_to_parameters(Tensor(np.ones(3)), _parameters()),
              r"vec must be a tensor of shape \(13,\), got shape \(3,\)"),
}


@pytest.mark.parametrize("call, message", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(call, message):
    with pytest.raises(InputError, match=message):
        call()
