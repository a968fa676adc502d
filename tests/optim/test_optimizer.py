"""Optimizer: groups, gradients, saved state, refusals; what all update rules share."""

import copy

import numpy as np
import pytest

from minicnn.errors import InputError
from minicnn.optim import LARS, SGD, Adagrad, Adam, AdamW, RMSprop
from minicnn.tensor import Tensor

RULES = {
    "sgd": lambda p: SGD(p, lr=0.1),
    "sgd-momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: Adam(p, lr=0.1, amsgrad=True),
    "adamw": lambda p: AdamW(p, lr=0.1),
    "rmsprop": lambda p: RMSprop(p, momentum=0.5, centered=True),
    "adagrad": lambda p: Adagrad(p, lr=0.1, lr_decay=0.1),
    "lars": lambda p: LARS(p, lr=0.1, weight_decay=0.01, trust_coeff=0.1),
}
rules = pytest.mark.parametrize("make", RULES.values(), ids=RULES.keys())


def _leaves(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [Tensor(rng.normal(size=s).astype(dtype), requires_grad=True) for s in ((3, 2), (4,), ())]


def _set_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = Tensor(rng.normal(size=p.shape).astype(p.dtype))


def _run(optimizer, params, seeds):
    for seed in seeds:
        _set_gradients(params, seed)
        optimizer.step()


@rules
def test_lowers_a_quadratic_through_backward(make):
    p = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = make([p])
    before = (p * p).sum().item()
    for _ in range(30):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
    assert (p * p).sum().item() < 0.9 * before


@rules
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_array_and_gradient_stay(make, dtype):
    params = _leaves(dtype)
    arrays = [p._data for p in params]
    optimizer = make(params)
    _set_gradients(params, 1)
    gradients = [p.grad._data.copy() for p in params]
    optimizer.step()
    optimizer.step()
    for p, array, g in zip(params, arrays, gradients):
        assert p._data is array and p.dtype == dtype
        assert np.array_equal(p.grad._data, g)
        for value in optimizer.state[p].values():
            assert not isinstance(value, np.ndarray) or (value.dtype == dtype and value.shape == p.shape)


@rules
def test_resume_is_bitwise_equal_and_copies(make):
    params = _leaves()
    optimizer = make(params)
    _run(optimizer, params, range(3))
    saved, twins = optimizer.state_dict(), [Tensor(p._data, requires_grad=True) for p in params]
    frozen = copy.deepcopy(saved)
    _run(optimizer, params, range(3, 6))
    assert repr(saved) == repr(frozen)  # later steps did not write into what was saved
    resumed = make(twins)
    resumed.load_state_dict(saved)
    _run(resumed, twins, range(3, 6))
    assert all(np.array_equal(a._data, b._data) for a, b in zip(params, twins))
    assert repr(saved) == repr(frozen)
    if saved["state"]:
        fresh = [Tensor(p._data, requires_grad=True) for p in params]
        _run(resumed, twins, [7])
        _run(make(fresh), fresh, [7])
        assert not all(np.array_equal(a._data, b._data) for a, b in zip(fresh, twins))  # the state matters


@rules
def test_the_guard_sees_the_step(make):
    params = _leaves()
    optimizer = make(params)
    _set_gradients(params, 0)
    stamps = [p._watch().stamp() for p in params]
    optimizer.step()
    assert all(p._watch().stamp() > s for p, s in zip(params, stamps))


def test_layout_of_the_state_is_torch():
    torch = pytest.importorskip("torch")
    params = _leaves()
    theirs = [torch.nn.Parameter(torch.tensor(p._data)) for p in params]
    for ours, other in (
        (SGD([{"params": params[:1], "lr": 1.0}, {"params": params[1:]}], momentum=0.9),
         torch.optim.SGD([{"params": theirs[:1], "lr": 1.0}, {"params": theirs[1:]}], momentum=0.9)),
        (Adam(params, amsgrad=True), torch.optim.Adam(theirs, amsgrad=True)),
        (RMSprop(params, momentum=0.9, centered=True), torch.optim.RMSprop(theirs, momentum=0.9, centered=True)),
        (Adagrad(params), torch.optim.Adagrad(theirs)),
    ):
        _set_gradients(params, 0)
        for p, t in zip(params, theirs):
            t.grad = torch.tensor(p.grad._data)
        ours.step()
        other.step()
        a, b = ours.state_dict(), other.state_dict()
        assert {i: set(s) for i, s in a["state"].items()} == {i: set(s) for i, s in b["state"].items()}
        for ga, gb in zip(a["param_groups"], b["param_groups"]):
            assert set(ga) <= set(gb) and all(ga[k] == gb[k] for k in ga)
        for i, state in a["state"].items():
            for key, value in state.items():
                np.testing.assert_allclose(value, b["state"][i][key].numpy(), rtol=1e-12)


def test_loading_keeps_the_parameters_dtype_and_fills_in_new_options():
    params = _leaves(np.float32)
    optimizer = SGD(params, momentum=0.9)
    saved = {"state": {0: {"momentum_buffer": np.ones((3, 2))}},
             "param_groups": [{"lr": 0.5, "momentum": 0.8, "params": [0, 1, 2], "foreach": None}]}
    optimizer.load_state_dict(saved)
    buffer = optimizer.state[params[0]]["momentum_buffer"]
    assert buffer.dtype == np.float32 and buffer is not saved["state"][0]["momentum_buffer"]
    assert optimizer.param_groups[0]["lr"] == 0.5 and optimizer.param_groups[0]["nesterov"] is False


def test_groups_have_their_own_rates():
    a, b, c = (Tensor(np.zeros(2), requires_grad=True) for _ in range(3))
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    optimizer.add_param_group({"params": [c], "lr": 10.0})
    for p in (a, b, c):
        p.grad = Tensor(np.ones(2))
    optimizer.step()
    assert [p._data[0] for p in (a, b, c)] == [-0.1, -1.0, -10.0]


def test_names_are_kept():
    a, b = _leaves()[:2]
    optimizer = SGD([("weight", a), ("bias", b)])
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def test_without_gradient_nothing_moves():
    a, b, _ = _leaves()
    optimizer = SGD([a, b], lr=1.0, weight_decay=1.0)
    a.grad = Tensor(np.ones((3, 2)))
    before = b._data.copy()
    optimizer.step()
    assert np.array_equal(b._data, before) and len(optimizer.state_dict()["state"]) == 0


def test_zero_grad():
    params = _leaves()
    optimizer = SGD(params)
    _set_gradients(params, 0)
    kept = params[0].grad
    optimizer.zero_grad(set_to_none=False)
    assert params[0].grad is kept and all(np.all(p.grad._data == 0) for p in params)
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)
    optimizer.zero_grad(set_to_none=False)
    assert all(p.grad is None for p in params)


def test_zero_grad_cuts_a_gradient_off_its_graph():
    p = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    (p**3).sum().backward(create_graph=True)
    SGD([p]).zero_grad(set_to_none=False)
    assert p.grad._node is None and not p.grad._data.any()


def test_closure():
    p = Tensor(np.array([3.0]), requires_grad=True)
    optimizer = SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert p._data[0] == 0.0 and optimizer.step() is None


def test_one_gradient_for_two_parameters_is_not_written():
    """y = a + b sends one cotangent to both; steps and clipping must not mix them up."""
    a, b = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    (a + b).sum().backward()
    SGD([a, b], lr=0.5, weight_decay=1.0).step()
    assert np.array_equal(a._data, [0.0, 0.0]) and np.array_equal(b._data, [0.0, 0.0])


def test_repr_lists_the_groups():
    text = repr(SGD(_leaves(), lr=0.25))
    assert text.startswith("SGD (") and "Parameter Group 0" in text and "lr: 0.25" in text


LEAF = Tensor(np.ones(2), requires_grad=True)
REFUSED = {
    "empty": (lambda: SGD([]), "SGD: params must be at least one tensor, got an empty list"),
    "empty group": (lambda: SGD([{"params": []}]), "SGD: params must be at least one tensor, got an empty list"),
    "tensor": (lambda: SGD(LEAF), "SGD: params must be an iterable of tensors or dicts, got one tensor"),
    "set": (lambda: SGD({LEAF}), "SGD: params must be in a fixed order, got a set"),
    "array": (lambda: SGD([np.ones(2)]), "SGD: params must be tensors, got ndarray"),
    "result": (lambda: SGD([LEAF * 2]), "SGD: params must be leaf tensors, got the result of mul"),
    "twice": (lambda: SGD([LEAF, LEAF]), "SGD: params must be different tensors, got the same tensor twice"),
    "two groups": (lambda: SGD([{"params": [LEAF]}, {"params": [LEAF]}]), "different tensors"),
    "mixture": (lambda: SGD([("a", LEAF), Tensor(1.0)]), "all with names or all without"),
    "group": (lambda: SGD([LEAF]).add_param_group([LEAF]), 'param_group must be a dict with the key "params"'),
    "lr": (lambda: SGD([LEAF], lr=-1), "SGD: lr must be a number >= 0, got -1"),
    "nan": (lambda: SGD([LEAF], lr=float("nan")), "SGD: lr must be a number >= 0, got nan"),
    "text": (lambda: SGD([LEAF], lr="0.1"), "SGD: lr must be a number >= 0, got '0.1'"),
    "group lr": (lambda: SGD([{"params": [LEAF], "lr": -1}]), "SGD: lr must be a number >= 0, got -1"),
    "momentum": (lambda: SGD([LEAF], momentum=-0.1), "SGD: momentum must be a number >= 0, got -0.1"),
    "decay": (lambda: SGD([LEAF], weight_decay=-1), "SGD: weight_decay must be"),
    "nesterov": (lambda: SGD([LEAF], nesterov=True), "nesterov must be used with momentum > 0 and dampening = 0"),
    "damped": (lambda: SGD([LEAF], momentum=0.9, dampening=0.1, nesterov=True), "dampening=0.1"),
    "beta": (lambda: Adam([LEAF], betas=(0.9, 1.0)), r"Adam: betas\[1\] must be a number >= 0 and < 1, got 1.0"),
    "betas": (lambda: AdamW([LEAF], betas=0.9), "AdamW: betas must be a pair of numbers, got 0.9"),
    "eps": (lambda: Adam([LEAF], eps=-1e-8), "Adam: eps must be"),
    "alpha": (lambda: RMSprop([LEAF], alpha=-1), "RMSprop: alpha must be"),
    "lr_decay": (lambda: Adagrad([LEAF], lr_decay=-1), "Adagrad: lr_decay must be"),
    "start": (lambda: Adagrad([LEAF], initial_accumulator_value=-1), "initial_accumulator_value must be"),
    "trust": (lambda: LARS([LEAF], trust_coeff=-1), "LARS: trust_coeff must be"),
    "state": (lambda: SGD([LEAF]).load_state_dict({}), 'state_dict must be a dict with the keys "state"'),
    "sizes": (lambda: SGD([LEAF]).load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]}),
              r"state_dict must be of groups with \[1\] parameters, got \[2\]"),
    "shape": (lambda: SGD([LEAF]).load_state_dict(
        {"state": {0: {"momentum_buffer": np.ones(3)}}, "param_groups": [{"params": [0]}]}),
        r"momentum_buffer must be of shape \(2,\), got \(3,\)"),
}


@pytest.mark.parametrize("call, message", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(("kind", "option", "value"), [
    (RMSprop, "momentum", 0.9), (RMSprop, "centered", True), (Adam, "amsgrad", True), (SGD, "momentum", 0.9)])
def test_an_option_can_be_switched_on_half_way(kind, option, value):
    p = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = kind([p], lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        (p * p).sum().backward()
        if step == 1:
            optimizer.param_groups[0][option] = value
        optimizer.step()
    assert (p * p).sum().item() < 5
