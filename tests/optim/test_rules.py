"""Every update rule against its formula, entry by entry, and against torch."""

import numpy as np
import pytest

import minicnn.optim as optim
from minicnn.tensor import Tensor

STEPS, N = 12, 5


def _problem(seed=0):
    """A start and a fixed sequence of gradients."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=N), rng.normal(size=(STEPS, N))


def _ours(make, start, gradients):
    p = Tensor(start, requires_grad=True)
    optimizer = make([p])
    for g in gradients:
        p.grad = Tensor(g)
        optimizer.step()
    return p._data


# ------------------------------------------------- the formulas, for one number w with gradients g_1, g_2, ...

def sgd(w, gs, lr, momentum=0.0, dampening=0.0, wd=0.0, nesterov=False, maximize=False):
    v = None
    for g in gs:
        g = (-g if maximize else g) + wd * w
        v = g if v is None else momentum * v + (1 - dampening) * g
        w = w - lr * (g + momentum * v if nesterov else v if momentum else g)
    return w


def adam(w, gs, lr, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, decoupled=False, amsgrad=False, maximize=False):
    m = v = top = 0.0
    for t, g in enumerate(gs, start=1):
        g = -g if maximize else g
        if decoupled:
            w = w - lr * wd * w
        else:
            g = g + wd * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        top = max(top, v)
        v_hat = (top if amsgrad else v) / (1 - b2**t)
        w = w - lr * m / (1 - b1**t) / (v_hat**0.5 + eps)
    return w


def rmsprop(w, gs, lr, alpha=0.99, eps=1e-8, wd=0.0, momentum=0.0, centered=False):
    s = mean = b = 0.0
    for g in gs:
        g = g + wd * w
        s = alpha * s + (1 - alpha) * g * g
        mean = alpha * mean + (1 - alpha) * g
        root = (s - mean * mean if centered else s) ** 0.5
        b = momentum * b + g / (root + eps)
        w = w - lr * b
    return w


def adagrad(w, gs, lr, lr_decay=0.0, wd=0.0, start=0.0, eps=1e-10):
    s = start
    for t, g in enumerate(gs, start=1):
        g = g + wd * w
        s = s + g * g
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (s**0.5 + eps)
    return w


CASES = {
    "sgd": (sgd, {"lr": 0.1}, "SGD", {"lr": 0.1}),
    "sgd-decay": (sgd, {"lr": 0.1, "wd": 0.3}, "SGD", {"lr": 0.1, "weight_decay": 0.3}),
    "sgd-momentum": (sgd, {"lr": 0.1, "momentum": 0.9}, "SGD", {"lr": 0.1, "momentum": 0.9}),
    "sgd-dampening": (sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "wd": 0.1}, "SGD",
                      {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    "sgd-nesterov": (sgd, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "wd": 0.1}, "SGD",
                     {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "sgd-maximize": (sgd, {"lr": 0.1, "momentum": 0.8, "wd": 0.1, "maximize": True}, "SGD",
                     {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "maximize": True}),
    "adam": (adam, {"lr": 1e-3}, "Adam", {}),
    "adam-decay": (adam, {"lr": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "wd": 0.3}, "Adam",
                   {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}),
    "adam-amsgrad": (adam, {"lr": 0.1, "b2": 0.5, "amsgrad": True}, "Adam",
                     {"lr": 0.1, "betas": (0.9, 0.5), "amsgrad": True}),
    "adam-maximize": (adam, {"lr": 0.1, "wd": 0.1, "maximize": True}, "Adam",
                      {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    "adamw": (adam, {"lr": 1e-3, "wd": 1e-2, "decoupled": True}, "AdamW", {}),
    "adamw-decay": (adam, {"lr": 0.1, "wd": 0.5, "decoupled": True, "amsgrad": True, "b2": 0.5}, "AdamW",
                    {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True, "betas": (0.9, 0.5)}),
    "rmsprop": (rmsprop, {"lr": 1e-2}, "RMSprop", {}),
    "rmsprop-all": (rmsprop, {"lr": 0.05, "alpha": 0.8, "eps": 1e-3, "wd": 0.2, "momentum": 0.7, "centered": True},
                    "RMSprop", {"lr": 0.05, "alpha": 0.8, "eps": 1e-3, "weight_decay": 0.2, "momentum": 0.7,
                                "centered": True}),
    "adagrad": (adagrad, {"lr": 1e-2}, "Adagrad", {}),
    "adagrad-all": (adagrad, {"lr": 0.1, "lr_decay": 0.3, "wd": 0.2, "start": 0.5, "eps": 1e-3}, "Adagrad",
                    {"lr": 0.1, "lr_decay": 0.3, "weight_decay": 0.2, "initial_accumulator_value": 0.5, "eps": 1e-3}),
}
cases = pytest.mark.parametrize("formula, numbers, name, options", CASES.values(), ids=CASES.keys())


@cases
def test_formula(formula, numbers, name, options):
    start, gradients = _problem()
    expected = [formula(w, gradients[:, i], **numbers) for i, w in enumerate(start)]
    actual = _ours(lambda p: getattr(optim, name)(p, **options), start, gradients)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@cases
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_torch(formula, numbers, name, options, dtype, rtol):
    torch = pytest.importorskip("torch")
    start, gradients = (a.astype(dtype) for a in _problem(1))
    theirs = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, name)([theirs], **options)
    for g in gradients:
        theirs.grad = torch.tensor(g)
        optimizer.step()
    actual = _ours(lambda p: getattr(optim, name)(p, **options), start, gradients)
    assert actual.dtype == dtype
    np.testing.assert_allclose(actual, theirs.detach().numpy(), rtol=rtol, atol=rtol * 0.1)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_defaults_are_torch(name):
    torch = pytest.importorskip("torch")
    ours = getattr(optim, name)([Tensor(1.0)]).defaults
    theirs = getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(1))]).defaults
    assert ours == {k: theirs[k] for k in ours}


def test_centered_rmsprop_survives_a_constant_gradient():
    """E g^2 - (E g)^2 is 0 in the limit; rounding must not make it negative."""
    start = np.ones(3, np.float32)
    gradients = [np.full(3, 0.3, np.float32)] * 200
    end = _ours(lambda p: optim.RMSprop(p, lr=1e-6, alpha=0.5, centered=True), start, gradients)
    assert np.isfinite(end).all()


# ---------------------------------------------------------------------------------------------------------- LARS

def test_lars_defaults():
    """Those of You et al. 2017: trust 0.001, momentum 0.9."""
    assert optim.LARS([Tensor(np.ones(2), requires_grad=True)]).defaults == {
        "lr": 1.0, "momentum": 0.9, "weight_decay": 0, "trust_coeff": 0.001, "eps": 1e-8, "maximize": False}


def _lars(w, gs, lr, momentum, wd, trust, eps):
    v = np.zeros_like(w)
    for g in gs:
        ratio = 1.0
        if trust is not None and np.linalg.norm(w) > 0 and np.linalg.norm(g) > 0:
            ratio = trust * np.linalg.norm(w) / (np.linalg.norm(g) + wd * np.linalg.norm(w) + eps)
        v = momentum * v + lr * ratio * (g + wd * w)
        w = w - v
    return w


@pytest.mark.parametrize("trust", [0.02, None])
def test_lars_formula(trust):
    start, gradients = _problem(2)
    actual = _ours(lambda p: optim.LARS(p, lr=2.0, momentum=0.8, weight_decay=0.1, trust_coeff=trust), start, gradients)
    np.testing.assert_allclose(actual, _lars(start, gradients, 2.0, 0.8, 0.1, trust, 1e-8), rtol=1e-12)


def test_lars_step_does_not_depend_on_the_size_of_the_gradient():
    start, gradients = _problem(3)
    steps = [_ours(lambda p: optim.LARS(p, lr=1.0, eps=0), start, [k * gradients[0]]) - start for k in (1, 1000)]
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(steps[0]), 0.001 * np.linalg.norm(start), rtol=1e-9)


def test_lars_moves_zero_weights_and_bears_zero_gradients():
    g = np.array([1.0, -2.0])
    np.testing.assert_allclose(_ours(lambda p: optim.LARS(p, lr=0.5), np.zeros(2), [g]), -0.5 * g)
    np.testing.assert_allclose(_ours(lambda p: optim.LARS(p, lr=0.5, eps=0), g, [np.zeros(2)]), g)


def test_momentum_inside_and_outside_differ_only_when_the_rate_changes():
    """SGD: w - lr v with v <- mu v + g. LARS without trust ratio: v <- mu v + lr g."""
    def run(make, rates):
        p = Tensor(np.ones(1), requires_grad=True)
        optimizer = make([p])
        for lr in rates:
            optimizer.param_groups[0]["lr"] = lr
            p.grad = Tensor(np.ones(1))
            optimizer.step()
        return p._data[0]

    outside = lambda p: optim.SGD(p, momentum=0.9)  # noqa: E731
    inside = lambda p: optim.LARS(p, momentum=0.9, trust_coeff=None)  # noqa: E731
    assert run(outside, [0.1] * 4) == pytest.approx(run(inside, [0.1] * 4), rel=1e-12)
    assert run(outside, [0.1, 0.2]) == pytest.approx(1 - 0.1 - 0.2 * 1.9)
    assert run(inside, [0.1, 0.2]) == pytest.approx(1 - 0.1 - (0.09 + 0.2))
