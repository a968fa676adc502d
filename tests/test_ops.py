"""The registry's operations: values against naive forms, dtypes, derivatives to their order, jvp against vjp, devices."""

import numpy as np
import pytest
from op_registry import ELSEWHERE, MODULES, OPS
from strict import from_strict, to_strict

import minicnn as mc
from minicnn.autograd import Primitive, raw
from minicnn.backend import cuda_is_available, to_device, to_numpy
from minicnn.nn import functional as F
from minicnn.ops import normalize
from minicnn.testing import check_grads, check_jvp

CASES = [pytest.param(entry, sample, id=f"{name}-{i}") for name, entry in OPS.items() for i, sample in enumerate(entry.samples)]
SMOOTH = [case for case in CASES if case.values[0].order > 0 and all(a.size for a in case.values[1].arrays)]


def floats(sample):
    """The sample's float arguments, and the call with all others in place."""
    which = [i for i, a in enumerate(sample.arrays) if a.dtype.kind == "f"]
    return which, [sample.arrays[i] for i in which]


def call(entry, sample, arrays, which):
    """The operation on `arrays` at the places `which`, the sample's own elsewhere."""
    given = [mc.Tensor(a) if a.dtype.kind in "iu" else a for a in sample.arrays]
    for i, a in zip(which, arrays):
        given[i] = a
    return entry.call(*given, **sample.options)


def test_every_public_operation_is_listed():
    names = {value.name for module in MODULES for value in vars(module).values() if isinstance(value, Primitive)}
    names |= {f"F.{name}" for name in F.__all__}
    assert names - set(OPS) - ELSEWHERE == set()
    assert set(OPS) - names <= {"gelu tanh"}
    assert not ELSEWHERE & set(OPS)


@pytest.mark.parametrize(("entry", "sample"), CASES)
def test_value_is_that_of_the_naive_form(entry, sample):
    which, arrays = floats(sample)
    y = raw(call(entry, sample, [mc.Tensor(a) for a in arrays], which))
    if entry.reference is not None:
        expected = np.asarray(entry.reference(*sample.arrays, **sample.options))
        assert y.shape == expected.shape
        np.testing.assert_allclose(y, expected, rtol=entry.rtol, atol=1e-12)
    if arrays and y.dtype.kind == "f":
        assert y.dtype == np.float64
        single = raw(call(entry, sample, [mc.Tensor(a.astype(np.float32)) for a in arrays], which))
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, y, rtol=2e-4, atol=1e-4 * max(1.0, abs(y).max(initial=0)))


@pytest.mark.parametrize(("entry", "sample"), SMOOTH)
def test_derivatives(entry, sample):
    which, arrays = floats(sample)
    small = sum(a.size for a in arrays) <= 40
    order = min(entry.order, 3 if small else 2)
    check_grads(lambda *xs: call(entry, sample, xs, which), *arrays, order=order, entries=4 if order == 3 else 8, rtol=3e-6)


@pytest.mark.parametrize(("entry", "sample"), SMOOTH)
def test_forward_and_reverse_derivatives_agree(entry, sample):
    which, arrays = floats(sample)
    check_jvp(lambda *xs: call(entry, sample, xs, which), *arrays)


def gpu(x):
    return to_device(x, "cuda:0")


needs_gpu = pytest.mark.skipif(not cuda_is_available(), reason="CuPy finds no GPU")


@pytest.mark.parametrize("place", [to_strict, pytest.param(gpu, marks=needs_gpu)], ids=["strict", "cuda"])
@pytest.mark.parametrize(("entry", "sample"), SMOOTH)
def test_on_a_device_the_same(entry, sample, place):
    which, arrays = floats(sample)
    back = from_strict if place is to_strict else to_numpy

    def run(move):
        xs = [mc.Tensor._make(move(a.copy())).requires_grad_() for a in arrays]
        given = [mc.Tensor._make(move(a)) for a in sample.arrays]
        for i, x in zip(which, xs):
            given[i] = x
        options = {k: move(v) if isinstance(v, np.ndarray) else v for k, v in sample.options.items()}
        if isinstance(options.get("index"), tuple):
            options["index"] = tuple(move(v) if isinstance(v, np.ndarray) else v for v in options["index"])
        y = entry.call(*given, **options)
        if y.requires_grad:
            (y * y).sum().backward()
        return [raw(y)] + [raw(x.grad) for x in xs if x.grad is not None]

    for here, there in zip(run(lambda a: a), run(place), strict=True):
        np.testing.assert_allclose(back(there), here, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_window_sum_is_that_of_the_naive_form_along_every_axis(rng, axis, size):
    x = rng.normal(size=(2, 5, 4))
    expected = np.zeros_like(x)
    for i in range(x.shape[axis]):
        window = np.arange(max(0, i - size // 2), min(x.shape[axis], i + (size - 1) // 2 + 1))
        expected[(slice(None),) * axis + (i,)] = x.take(window, axis).sum(axis)
    np.testing.assert_allclose(normalize.window_sum(mc.Tensor(x), size, axis).numpy(), expected, rtol=1e-12, atol=1e-14)
