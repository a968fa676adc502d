"""Whatever a public function is given, it answers with a result or with one of minicnn's own errors, never with NumPy's.

Every argument of every function in nn.functional, every layer's constructor, initialiser, tensor method and top-level
function meets strings, None, lists, objects, wrong dimensions, complex and empty arrays, negative sizes and NaN.
"""

import inspect

import numpy as np
import pytest
from op_registry import OPS

import minicnn as mc
from minicnn import nn, optim
from minicnn.errors import MinicnnError
from minicnn.nn import functional as F

THINGS = ["abc", None, -1, 0, 1.5, [1, 2, 3], object(), float("nan"), {}, (-1, -1), np.ones(2), np.zeros((2, 2), complex), True]
TENSORS = [(), (3,), (2, 3), (2, 3, 4), (1, 2, 3, 4, 5), (0,), (2, 3, 0, 4)]


def odd_values():
    """Fresh ones, since some calls write into them."""
    return [*THINGS, *(mc.zeros(*size) for size in TENSORS), mc.tensor([1, 2]), mc.tensor(np.ones((2, 3, 4, 4), bool))]


def untyped(call, *args, **options):
    """The error of a call that is neither minicnn's own nor Python's about the number of arguments, as text."""
    try:
        call(*args, **options)
    except MinicnnError:
        return []
    except TypeError as error:
        if "positional argument" in str(error) or "unexpected keyword" in str(error):
            return []
        return [f"{args!r:.80} {options!r:.80}: {error!r}"]
    except Exception as error:  # any other kind is what this test is looking for
        return [f"{args!r:.80} {options!r:.80}: {error!r}"]
    return []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", F.__all__)
def test_functions(name):
    function, entry, found = getattr(F, name), OPS[f"F.{name}"], []
    sample = entry.samples[0]
    good = [mc.Tensor(a) for a in sample.arrays]
    for place in range(len(good)):
        for value in odd_values():
            found += untyped(function, *good[:place], value, *good[place + 1 :], **sample.options)
    for option in list(inspect.signature(function).parameters)[len(good) :]:
        for value in odd_values():
            found += untyped(function, *good, **{**sample.options, option: value})
    assert found == []


CLASSES = [getattr(nn, name) for name in nn.__all__ if inspect.isclass(getattr(nn, name))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layer", CLASSES, ids=lambda c: c.__name__)
def test_constructors(layer):
    given = list(inspect.signature(layer.__init__).parameters.values())[1:]
    needed = {p.name: 4 for p in given if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD}
    found = []
    for p in given:
        for value in odd_values():
            if p.kind == p.VAR_POSITIONAL:
                found += untyped(layer, value)
            elif p.kind != p.VAR_KEYWORD:
                found += untyped(layer, **{**needed, p.name: value})
    assert found == []


@pytest.mark.filterwarnings("ignore")
def test_initialisers_and_optimizers():
    found = []
    for name in nn.init.__all__:
        first, *rest = inspect.signature(getattr(nn.init, name)).parameters if name != "no_init" else ["no_init"]
        if first != "no_init":
            for value in odd_values():
                found += untyped(getattr(nn.init, name), value)
                for option in rest:
                    found += untyped(getattr(nn.init, name), mc.zeros(4, 3), **{option: value})
    for kind in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.LARS):
        for value in odd_values():
            found += untyped(kind, value)
            found += untyped(kind, [mc.zeros(2).requires_grad_()], lr=value)
            found += untyped(kind, [mc.zeros(2).requires_grad_()], weight_decay=value)
    assert found == []


METHODS = [name for name, f in vars(mc.Tensor).items() if not name.startswith("_") and callable(f)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    found = []
    for value in odd_values():
        x = mc.ones(2, 3, 4)
        found += untyped(getattr(mc.Tensor, name), x, value)
        found += untyped(getattr(mc.Tensor, name), x, 0, value)
    assert found == []


CREATE = """zeros ones full empty arange linspace eye rand randn randint randperm zeros_like ones_like tensor as_tensor
from_numpy""".split()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*mc.functions.__all__, *CREATE, "manual_seed"])
def test_top_level(name):
    found = []
    for value in odd_values():
        found += untyped(getattr(mc, name), value)
        found += untyped(getattr(mc, name), mc.ones(2, 3, 4), value)
    assert found == []
