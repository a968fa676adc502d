"""Optimizers, clipping and initial weights on the strict stand-in for a GPU: same numbers, and no hidden copies."""

import numpy as np
import pytest
from strict import StrictArray, count_transfers, from_strict, to_strict

import minicnn.optim as optim
from minicnn.backend import Generator
from minicnn.nn import init
from minicnn.nn.utils import clip_grad_norm_, clip_grad_value_
from minicnn.tensor import Tensor

RULES = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "Adam": {"amsgrad": True, "weight_decay": 0.1},
    "AdamW": {"maximize": True},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "Adagrad": {"lr_decay": 0.1},
    "LARS": {"weight_decay": 0.1},
}


@pytest.mark.parametrize("name, options", RULES.items(), ids=RULES.keys())
def test_steps_stay_on_the_device(name, options):
    rng = np.random.default_rng(0)
    start, *gradients = rng.normal(size=(4, 3, 5)).astype(np.float32)
    ends = []
    for place in (np.array, to_strict):
        p = Tensor(place(start), requires_grad=True)
        optimizer = getattr(optim, name)([p], lr=0.1, **options)
        tensors = [Tensor(place(g)) for g in gradients]
        with count_transfers() as moved:
            for g in tensors:
                p.grad = g
                clip_grad_norm_([p], 1.0)
                clip_grad_value_([p], 0.3)
                optimizer.step()
                optim.max_norm_([p], 2.0)
        assert (moved.to_host, moved.to_device) == (0, 0)
        ends.append(p._data)
    assert type(ends[1]) is StrictArray
    np.testing.assert_array_equal(ends[0], from_strict(ends[1]))


@pytest.mark.parametrize("name", [n for n in init.__all__ if n.endswith("_")])
def test_same_initial_weights(name):
    extra = {"constant_": (0.5,), "sparse_": (0.5,)}.get(name, ())
    random = {} if name in ("constant_", "ones_", "zeros_", "eye_", "dirac_") else {"generator"}
    filled = []
    for place in (np.array, to_strict):
        t = Tensor(place(np.full((4, 3, 3) if name == "dirac_" else (4, 6), 7, np.float32)))
        getattr(init, name)(t, *extra, **{key: Generator(1) for key in random})
        filled.append(t._data)
    np.testing.assert_array_equal(filled[0], from_strict(filled[1]))
