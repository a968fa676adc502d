"""Schedules: rates against closed formulas and torch, chaining, saving, refusals."""

import json
import math
import warnings

import numpy as np
import pytest

from minicnn.errors import InputError
from minicnn.optim import SGD, Adagrad, Adam, lr_scheduler
from minicnn.tensor import Tensor

STEPS = 25


def _optimizer(rates=(0.5, 0.02), make=SGD, **options):
    return make([{"params": [Tensor(1.0, requires_grad=True)], "lr": lr} for lr in rates], **options)


def _rates(optimizer, *schedulers, steps=STEPS):
    """[rates of all groups] at steps 0, 1, ..., with every schedule stepping after every optimizer step."""
    rows = [[g["lr"] for g in optimizer.param_groups]]
    for _ in range(steps):
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
        rows.append([g["lr"] for g in optimizer.param_groups])
    assert schedulers[-1].get_last_lr() == rows[-1]
    return rows


def _cosine(t, low=0.1):
    return lambda lr: low + (lr - low) * (1 + math.cos(math.pi * t / 10)) / 2


# name -> (schedule for an optimizer and a module of schedules, rate at step t from the initial one; None: no formula)
SCHEDULES = {
    "step": (lambda o, m: m.StepLR(o, 7, 0.3), lambda t, lr: lr * 0.3 ** (t // 7)),
    "step-default": (lambda o, m: m.StepLR(o, 10), lambda t, lr: lr * 0.1 ** (t // 10)),
    "milestones": (lambda o, m: m.MultiStepLR(o, [3, 8, 8, 20], 0.5),
                   lambda t, lr: lr * 0.5 ** ((t >= 3) + 2 * (t >= 8) + (t >= 20))),
    "exponential": (lambda o, m: m.ExponentialLR(o, 0.9), lambda t, lr: lr * 0.9**t),
    "cosine": (lambda o, m: m.CosineAnnealingLR(o, 10, 0.1), lambda t, lr: _cosine(t)(lr)),
    "cosine-to-zero": (lambda o, m: m.CosineAnnealingLR(o, 25),
                       lambda t, lr: lr * (1 + math.cos(math.pi * t / 25)) / 2),
    "cosine up and down": (lambda o, m: m.CosineAnnealingLR(o, 4), lambda t, lr: lr * (1 + math.cos(math.pi * t / 4)) / 2),
    "lambda": (lambda o, m: m.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t, lr: lr / (1 + t)),
    "lambdas": (lambda o, m: m.LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: 0.5**t]),
                lambda t, lr: lr / (1 + t) if lr == 0.5 else lr * 0.5**t),
    "constant": (lambda o, m: m.ConstantLR(o), lambda t, lr: lr / 3 if t < 5 else lr),
    "linear": (lambda o, m: m.LinearLR(o), lambda t, lr: lr * (1 + 2 * min(t, 5) / 5) / 3),
    "linear-down": (lambda o, m: m.LinearLR(o, 1.0, 0.25, 8), lambda t, lr: lr * (1 - 0.75 * min(t, 8) / 8)),
    "warm cosine": (lambda o, m: m.SequentialLR(
        o, [m.LinearLR(o, 0.1, total_iters=4), m.CosineAnnealingLR(o, 10, 0.1)], [4]),
        lambda t, lr: lr * (0.1 + 0.9 * t / 4) if t < 4 else _cosine(t - 4)(lr)),
    "three": (lambda o, m: m.SequentialLR(
        o, [m.ConstantLR(o, 0.2, 50), m.ExponentialLR(o, 0.9), m.StepLR(o, 4, 0.5)], [3, 9]),
        lambda t, lr: lr * (0.2 if t < 3 else 0.9 ** (t - 3) if t < 9 else 0.5 ** ((t - 9) // 4))),
    "one cycle": (lambda o, m: m.OneCycleLR(o, [1.0, 0.3], total_steps=25), None),
    "one cycle linear": (lambda o, m: m.OneCycleLR(o, 0.7, epochs=5, steps_per_epoch=6, anneal_strategy="linear",
                                                   pct_start=0.25, div_factor=10, final_div_factor=5), None),
    "one cycle in three phases": (lambda o, m: m.OneCycleLR(o, 0.7, 26, three_phase=True, pct_start=0.4), None),
}
schedules = pytest.mark.parametrize("make, formula", SCHEDULES.values(), ids=SCHEDULES.keys())


WITH_FORMULA = {name: pair for name, pair in SCHEDULES.items() if pair[1] is not None}


@pytest.mark.parametrize("make, formula", WITH_FORMULA.values(), ids=WITH_FORMULA.keys())
def test_formula(make, formula):
    rows = _rates(o := _optimizer(momentum=0.9), make(o, lr_scheduler))
    expected = [[formula(t, 0.5), formula(t, 0.02)] for t in range(STEPS + 1)]
    np.testing.assert_allclose(rows, expected, rtol=1e-12, atol=1e-15)


@schedules
@pytest.mark.parametrize("name, momentum", [("SGD", {"momentum": 0.9}), ("Adam", {})])
def test_torch(make, formula, name, momentum):
    torch = pytest.importorskip("torch")
    ours = _optimizer(make={"SGD": SGD, "Adam": Adam}[name], **momentum)
    theirs = getattr(torch.optim, name)(
        [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.5, 0.02)], **momentum)
    key = "momentum" if momentum else "betas"
    schedule = make(ours, lr_scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        their_schedule = make(theirs, torch.optim.lr_scheduler)
    for t in range(STEPS):
        for a, b in zip(ours.param_groups, theirs.param_groups):
            assert a["lr"] == pytest.approx(b["lr"], rel=1e-12, abs=1e-16), t
            assert a[key] == pytest.approx(b[key], rel=1e-12), t
        ours.step()
        schedule.step()
        theirs.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            their_schedule.step()


@schedules
def test_a_saved_schedule_goes_on(make, formula):
    whole = _rates(o := _optimizer(momentum=0.9), make(o, lr_scheduler), steps=20)
    first = _optimizer(momentum=0.9)
    schedule = make(first, lr_scheduler)
    _rates(first, schedule, steps=8)
    saved, saved_optimizer = json.loads(json.dumps(schedule.state_dict())), first.state_dict()
    _rates(first, schedule, steps=1)  # must not change what was saved

    second = _optimizer(momentum=0.9)
    resumed = make(second, lr_scheduler)
    second.load_state_dict(saved_optimizer)
    resumed.load_state_dict(saved)
    assert _rates(second, resumed, steps=12) == whole[8:]


def test_saved_state_is_a_copy():
    schedule = lr_scheduler.MultiStepLR(_optimizer(), [3, 5])
    saved = schedule.state_dict()
    saved["milestones"].append(9)
    assert schedule.milestones == [3, 5]
    schedule.load_state_dict(saved)
    saved["milestones"].append(11)
    assert schedule.milestones == [3, 5, 9]


def test_schedules_on_one_optimizer_multiply():
    optimizer = _optimizer()
    rows = _rates(optimizer, lr_scheduler.ExponentialLR(optimizer, 0.9), lr_scheduler.StepLR(optimizer, 4, 0.5))
    np.testing.assert_allclose(rows, [[lr * 0.9**t * 0.5 ** (t // 4) for lr in (0.5, 0.02)] for t in range(STEPS + 1)])


def test_gradual_warmup_with_the_papers_decay():
    """Goyal et al.: from eta to k eta in equal steps, then divided by ten at fixed epochs counted from the start."""
    optimizer = _optimizer([0.1])
    warmup = lr_scheduler.GradualWarmup(optimizer, multiplier=8, total_iters=5)
    decay = lr_scheduler.MultiStepLR(optimizer, [10, 20])
    rows = [row[0] for row in _rates(optimizer, warmup, decay)]
    np.testing.assert_allclose(np.diff(rows[:6]), 0.14)
    expected = [0.1 * (1 + 7 * min(t, 5) / 5) * 0.1 ** ((t >= 10) + (t >= 20)) for t in range(STEPS + 1)]
    np.testing.assert_allclose(rows, expected)


def test_warmup_is_saved():
    optimizer = _optimizer([0.1])
    warmup = lr_scheduler.GradualWarmup(optimizer, 8, 5)
    rows = _rates(optimizer, warmup, steps=3)
    again = lr_scheduler.GradualWarmup(_optimizer([0.1]), 8, 5)
    again.load_state_dict(warmup.state_dict())
    assert again.last_epoch == 3 and again.get_last_lr() == rows[-1]


def test_one_cycle_by_its_definition():
    optimizer = _optimizer([0.5], momentum=0.5)
    schedule = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=21, pct_start=1 / 3, div_factor=20,
                                       final_div_factor=10)
    rates, momenta = [], []
    for _ in range(21):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(1 / 20) and max(rates) == rates[6] == 1.0
    assert rates[-1] == pytest.approx(1 / 200)
    assert rates[3] == pytest.approx((1 + 1 / 20) / 2)  # half of the way up
    assert (momenta[0], momenta[6], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95))
    with pytest.raises(InputError, match="at most total_steps = 21, got 22"):
        schedule.step()


def test_one_cycle_in_three_phases_by_its_definition():
    """Up in 9 steps, down in 9 to where it began, and on to the end."""
    optimizer = _optimizer([0.5], momentum=0.5)
    schedule = lr_scheduler.OneCycleLR(optimizer, 1.0, 25, pct_start=0.4, div_factor=4, final_div_factor=5,
                                       anneal_strategy="linear", three_phase=True)
    rows = [row[0] for row in _rates(optimizer, schedule, steps=24)]
    np.testing.assert_allclose(rows, np.interp(range(25), [0, 9, 18, 24], [0.25, 1, 0.25, 0.05]), rtol=1e-12)


def test_one_cycle_survives_an_empty_first_phase():
    optimizer = _optimizer([0.5], momentum=0.5)
    schedule = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=4, pct_start=0.25)
    assert schedule.get_last_lr() == [1.0]


# ------------------------------------------------------------------------------------------------------- plateau

METRICS = [1.0, 0.9, 0.95, 0.9, 0.91, 0.89999, 0.5, 0.6, float("nan"), 0.6, 0.6, 0.6, 0.6, 0.2, 0.3, 0.3, 0.3, -1.0,
           -1.0, -1.00001, -1.0, -1.1, -1.1, -1.1]
PLATEAUS = {
    "min": {"patience": 1},
    "default": {},
    "max": {"mode": "max", "patience": 2, "factor": 0.5},
    "abs": {"patience": 1, "threshold": 0.05, "threshold_mode": "abs"},
    "max-abs": {"mode": "max", "patience": 1, "threshold": 0.05, "threshold_mode": "abs"},
    "cooldown": {"patience": 0, "cooldown": 2, "factor": 0.5},
    "floor": {"patience": 0, "min_lr": [0.1, 0.015], "factor": 0.5},
    "eps": {"patience": 0, "eps": 0.011},
}


@pytest.mark.parametrize("options", PLATEAUS.values(), ids=PLATEAUS.keys())
def test_plateau_torch(options):
    torch = pytest.importorskip("torch")
    ours = _optimizer()
    theirs = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.5, 0.02)])
    schedule = lr_scheduler.ReduceLROnPlateau(ours, **options)
    their_schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for metric in METRICS:
        schedule.step(metric)
        their_schedule.step(metric)
        assert schedule.get_last_lr() == their_schedule.get_last_lr()


def test_plateau_waits_for_patience_and_takes_tensors():
    optimizer = _optimizer([1.0])
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, factor=0.5)
    rates = []
    for metric in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0):
        schedule.step(Tensor(metric))
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_plateau_cools_down_and_has_a_floor():
    optimizer = _optimizer([1.0])
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, cooldown=2, factor=0.5, min_lr=0.2, eps=0.06)
    rates = []
    for _ in range(11):
        schedule.step(1.0)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]  # from 0.25 to 0.2 is less than eps


def test_plateau_is_saved():
    optimizer = _optimizer([1.0])
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    for metric in (3.0, 4.0, 4.0):
        schedule.step(metric)
    again = lr_scheduler.ReduceLROnPlateau(twin := _optimizer([1.0]), patience=2)
    again.load_state_dict(schedule.state_dict())
    again.step(4.0)
    assert twin.param_groups[0]["lr"] == pytest.approx(0.1)


# ------------------------------------------------------------------------------------------------------ mistakes

def test_warns_when_the_schedule_steps_before_the_optimizer():
    schedule = lr_scheduler.StepLR(_optimizer(), 3)
    with pytest.warns(UserWarning, match="before optimizer.step"):
        schedule.step()


def _bad(make):
    return lambda: make(_optimizer(momentum=0.9), lr_scheduler)


REFUSED = {
    "no optimizer": (lambda: lr_scheduler.StepLR(3, 1), "StepLR: optimizer must be an Optimizer, got int"),
    "step_size": (_bad(lambda o, m: m.StepLR(o, 0)), "StepLR: step_size must be an int >= 1, got 0"),
    "gamma": (_bad(lambda o, m: m.ExponentialLR(o, -0.1)), "ExponentialLR: gamma must be a number >= 0, got -0.1"),
    "milestone": (_bad(lambda o, m: m.MultiStepLR(o, [1.5])), "MultiStepLR: milestones must be an int >= 0, got 1.5"),
    "T_max": (_bad(lambda o, m: m.CosineAnnealingLR(o, 2.5)), "T_max must be an int >= 1, got 2.5"),
    "lambda": (_bad(lambda o, m: m.LambdaLR(o, 0.5)), "lr_lambda must be a function of the step number, got float"),
    "lambdas": (_bad(lambda o, m: m.LambdaLR(o, [abs])), "one value or a list of 2, one per group, got 1 values"),
    "factor": (_bad(lambda o, m: m.ConstantLR(o, 1.5)), "ConstantLR: factor must be a number >= 0 and <= 1, got 1.5"),
    "zero factor": (_bad(lambda o, m: m.ConstantLR(o, 0)), "ConstantLR: factor must be a number > 0 and <= 1, got 0"),
    "start": (_bad(lambda o, m: m.LinearLR(o, 0)), "LinearLR: start_factor must be a number > 0 and <= 1, got 0"),
    "multiplier": (_bad(lambda o, m: m.GradualWarmup(o, 0, 5)), "GradualWarmup: multiplier must be a number > 0"),
    "resume": (_bad(lambda o, m: m.StepLR(o, 3, last_epoch=4)), "last_epoch must be -1 for an optimizer that no"),
    "milestones": (_bad(lambda o, m: m.SequentialLR(o, [m.StepLR(o, 1)], [2])), "one fewer than the schedulers"),
    "falling": (_bad(lambda o, m: m.SequentialLR(o, [m.StepLR(o, 1) for _ in "abc"], [4, 2])), "must be rising"),
    "plateau inside": (_bad(lambda o, m: m.SequentialLR(o, [m.ReduceLROnPlateau(o)], [])), "takes no metric"),
    "another optimizer": (_bad(lambda o, m: m.SequentialLR(o, [m.StepLR(_optimizer(), 1)], [])), "one of another"),
    "steps": (_bad(lambda o, m: m.OneCycleLR(o, 0.1)), "OneCycleLR: epochs .or total_steps. must be an int >= 1"),
    "anneal": (_bad(lambda o, m: m.OneCycleLR(o, 0.1, 9, anneal_strategy="up")), "'cos' or 'linear', got 'up'"),
    "no momentum": (lambda: lr_scheduler.OneCycleLR(_optimizer(make=Adagrad), 0.1, 9), "cycle_momentum must be False"),
    "mode": (_bad(lambda o, m: m.ReduceLROnPlateau(o, "best")), "mode must be 'min' or 'max', got 'best'"),
    "plateau factor": (_bad(lambda o, m: m.ReduceLROnPlateau(o, factor=1.0)), "factor must be a number >= 0 and < 1"),
    "state": (_bad(lambda o, m: m.StepLR(o, 3).load_state_dict(m.ExponentialLR(o, 0.5).state_dict())), "a dict of"),
    "parts": (_bad(lambda o, m: m.SequentialLR(o, [m.StepLR(o, 1)], []).load_state_dict({})), "of 1 schedules, got 0"),
}


@pytest.mark.parametrize("call, message", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(call, message):
    with pytest.raises(InputError, match=message):
        call()
