"""The stand-in for CuPy: every kind of host/device mistake is caught, and what CuPy allows works."""

import copy
import inspect
import operator

import numpy as np
import pytest
import strict
from strict import StrictArray, count_transfers, from_strict, strict_xp, to_strict

from minicnn import backend
from minicnn.errors import DeviceError

HOST = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)


@pytest.fixture
def x():
    return to_strict(HOST)


def same(strict_array, expected):
    assert type(strict_array) is StrictArray
    expected = np.asarray(expected)
    assert strict_array.dtype == expected.dtype
    np.testing.assert_array_equal(from_strict(strict_array), expected, strict=True)


# ----------------------------------------------------------------------------------- host and device do not mix

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
COMPARE = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv]


@pytest.mark.parametrize("op", ARITHMETIC + COMPARE + IN_PLACE, ids=lambda op: op.__name__)
def test_operators_refuse_numpy_arrays(op, x):
    with pytest.raises(TypeError, match="Unsupported type <class 'numpy.ndarray'>"):
        op(x, HOST)
    with pytest.raises(TypeError, match="Unsupported type"):
        op(HOST.copy(), x)
    same(x, HOST)


def test_matmul_refuses_numpy_arrays(x):
    for left, right in ((x, HOST.T), (HOST, x.T)):
        with pytest.raises(TypeError, match="Unsupported type"):
            left @ right


@pytest.mark.parametrize("mistake", [
    lambda x: strict_xp.exp(HOST),
    lambda x: strict_xp.maximum(x, HOST),
    lambda x: np.maximum(x, HOST),
    lambda x: np.add(x, 1.0, out=np.empty_like(HOST)),
    lambda x: strict_xp.add(x, 1.0, out=np.empty_like(HOST)),
    lambda x: strict_xp.sum(HOST),
    lambda x: strict_xp.sum(x, axis=0, out=np.empty(3, np.float32)),
    lambda x: x.sum(axis=0, out=np.empty(3, np.float32)),
    lambda x: strict_xp.concatenate([x, HOST]),
    lambda x: np.concatenate([x, HOST]),
    lambda x: strict_xp.stack((HOST, HOST)),
    lambda x: strict_xp.where(x > 2, x, HOST),
    lambda x: strict_xp.where(HOST > 2, x, x),
    lambda x: strict_xp.einsum("ij,ij->", x, HOST),
    lambda x: strict_xp.matmul(x, HOST.T),
    lambda x: strict_xp.take(x, np.array([0]), axis=0),
    lambda x: strict_xp.take_along_axis(x, np.zeros((2, 1), int), 1),
    lambda x: strict_xp.full_like(x, HOST),
    lambda x: strict_xp.lib.stride_tricks.sliding_window_view(HOST, 2, axis=1),
    lambda x: strict_xp.linalg.norm(HOST),
    lambda x: x.dot(HOST.T),
    lambda x: x.clip(HOST, 9),
    lambda x: x.take(np.array([0])),
], ids=lambda f: inspect.getsource(f).strip()[10:50])
def test_functions_refuse_numpy_arrays(mistake, x):
    with pytest.raises(TypeError, match="Unsupported type"):
        mistake(x)


def test_indexing_refuses_numpy_arrays(x):
    for index in (np.array([0, 1]), HOST > 2, (0, np.array([1])), (slice(None), np.array([True, False, True]))):
        with pytest.raises(TypeError, match="Unsupported type"):
            x[index]
        with pytest.raises(TypeError, match="Unsupported type"):
            x[index] = 0.0
        with pytest.raises(TypeError, match="Unsupported type"):
            strict_xp.add.at(x, index, 1.0)


def test_assignment_refuses_numpy_arrays_and_lists(x):
    for value in (HOST, HOST[0], [1.0, 2.0, 3.0]):
        with pytest.raises(TypeError, match="Unsupported type"):
            x[...] = value
    with pytest.raises(TypeError, match="Unsupported type"):
        strict_xp.add.at(x, to_strict(np.array([0])), HOST[0])
    with pytest.raises(TypeError, match="Implicit conversion"):
        HOST.copy()[...] = x


def test_lists_are_not_arrays(x):
    for mistake in (lambda: x + [1.0, 2.0, 3.0], lambda: strict_xp.exp([1.0]), lambda: strict_xp.sum([1.0, 2.0])):
        with pytest.raises(TypeError, match="Unsupported type <class 'list'>"):
            mistake()


def test_minicnn_names_the_mix_of_devices(x):
    assert backend.xp_of(x, 2.0) is strict_xp and backend.device_of(x) == "strict:0"
    with pytest.raises(DeviceError, match="numpy and strict|strict and numpy"):
        backend.xp_of(x, HOST)


# ------------------------------------------------------------------------------------------ no silent conversion

@pytest.mark.parametrize("convert", [np.asarray, np.array, lambda x: np.asarray(x, np.float64), np.ascontiguousarray,
                                     lambda x: np.array([x[0], x[1]])])
def test_implicit_conversion_is_refused(convert, x):
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        convert(x)


def test_a_device_integer_is_no_python_index(x):
    with pytest.raises(TypeError):
        range(to_strict(np.array(3)))
    with pytest.raises(TypeError):
        [1, 2, 3][to_strict(np.array(1))]
    with pytest.raises(TypeError, match=r"use \.item\(\)"):
        strict_xp.zeros(to_strict(np.array(3)))


def test_iteration(x):
    rows = list(x)
    same(rows[1], HOST[1])
    with pytest.raises(TypeError, match="one launch per entry"):
        list(rows[0])
    with pytest.raises(TypeError, match="0-d"):
        iter(x.sum())
    with pytest.raises(TypeError, match="unsized"):
        len(x.sum())


@pytest.mark.parametrize("copy_out", [float, int, bool, complex, repr, str, "{:.1f}".format,
                                      StrictArray.item, StrictArray.get, StrictArray.tolist, StrictArray.tobytes,
                                      backend.to_numpy, strict_xp.asnumpy],
                         ids=lambda f: getattr(f, "__name__", "f"))
def test_copies_to_the_host_are_counted(copy_out):
    scalar = to_strict(np.array(2.5))
    with count_transfers() as t:
        copy_out(scalar)
    assert (t.to_host, t.to_device) == (1, 0)
    assert "test_strict.py" in t.log[0] or "backend.py" in t.log[0] or "pickle" in t.log[0]


def test_copies_to_the_device_are_counted(x):
    copies = [lambda: to_strict(HOST), lambda: strict_xp.asarray(HOST), lambda: strict_xp.array([1.0, 2.0]),
              lambda: strict_xp.asarray(3.0, dtype=np.float32), lambda: x[[0, 1]], lambda: x.set(HOST),
              lambda: backend.Generator(0).normal((2, 3), xp=strict_xp)]
    for make in copies:
        with count_transfers() as t:
            make()
        assert (t.to_host, t.to_device) == (0, 1), t


def test_results_whose_size_depends_on_data_are_counted(x):
    mask = x > 2
    for read in (lambda: x[mask], lambda: strict_xp.nonzero(mask), lambda: mask.nonzero(), lambda: strict_xp.where(mask),
                 lambda: strict_xp.unique(x)):
        with count_transfers() as t:
            read()
        assert t.to_host == 1, t
    with count_transfers() as t:
        x[mask] = 0.0  # a masked write needs no size
        strict_xp.where(mask, x, 0.0)
    assert t.to_host == 0


def test_work_on_the_device_counts_nothing(x):
    with count_transfers() as t:
        y = strict_xp.exp(x - x.max(axis=1, keepdims=True))
        y /= y.sum(axis=1, keepdims=True)
        strict_xp.add.at(y, (strict_xp.arange(2), strict_xp.zeros(2, dtype=np.int64)), 1.0)
        _ = y.reshape(3, 2).T @ y.T.copy(), y[0, 1], copy.deepcopy(y), strict_xp.allclose(y, y), strict_xp.array(y)
    assert (t.to_host, t.to_device, t.log) == (0, 0, [])


def test_counters_nest(x):
    with count_transfers() as outer:
        x.get()
        with count_transfers() as inner:
            x.get()
    x.get()
    assert (outer.to_host, inner.to_host) == (2, 1)


def test_memory_is_not_shared_with_the_host():
    host = HOST.copy()
    x = to_strict(host)
    host[...] = 0
    same(x, HOST)
    x.get()[...] = 0
    same(x, HOST)


# --------------------------------------------------------------------------------------------- what CuPy lacks

def test_missing_functions_are_named():
    with pytest.raises(AttributeError, match="'strict' has no attribute 'vecdot': CuPy has no such function"):
        strict_xp.vecdot  # noqa: B018
    with pytest.raises(AttributeError, match="'strict' has no attribute 'random'"):
        strict_xp.random  # noqa: B018
    with pytest.raises(AttributeError, match="'strict.linalg' has no attribute 'vector_norm'"):
        strict_xp.linalg.vector_norm  # noqa: B018
    with pytest.raises(AttributeError):
        np.insert(to_strict(HOST), 0, 1.0)


@pytest.mark.parametrize("name", ["setflags", "resize", "ctypes", "__array_interface__", "__index__", "__contains__"])
def test_missing_attributes(name, x):
    assert hasattr(HOST, name) and not hasattr(x, name)


def test_missing_keywords(x):
    for mistake in (lambda: strict_xp.sum(x, where=x > 2), lambda: strict_xp.max(x, initial=0.0),
                    lambda: x.sum(initial=1.0), lambda: strict_xp.partition(x, 1, kind="introselect"),
                    lambda: strict_xp.einsum("ij->ji", x, out=x), lambda: strict_xp.exp(x, order="C")):
        with pytest.raises(TypeError, match="unexpected keyword"):
            mistake()
    with pytest.raises(ValueError, match="'stable' only"):
        strict_xp.argsort(x, kind="quicksort")


def test_flags_have_no_writeable(x):
    assert x.flags.c_contiguous and x.T.flags["F_CONTIGUOUS"] and not x.T.flags.owndata
    with pytest.raises(AttributeError):
        x.flags.writeable  # noqa: B018


def test_ufunc_methods(x):
    index = to_strict(np.array([0, 0]))
    strict_xp.add.at(x, index, 1.0)
    same(x[0], HOST[0] + 2)
    same(strict_xp.add.reduce(x, 1), x.get().sum(1))
    for mistake in (lambda: strict_xp.multiply.at(x, index, 2.0), lambda: strict_xp.maximum.reduce(x),
                    lambda: strict_xp.maximum.accumulate(x)):
        with pytest.raises(NotImplementedError, match="is not supported yet"):
            mistake()
    with pytest.raises(AttributeError):
        strict_xp.add.reduceat(x, [0])


def test_scatter_into_int64_is_refused():
    target = strict_xp.zeros(3, dtype=np.int64)
    with pytest.raises(TypeError, match="scatter_add only supports"):
        strict_xp.add.at(target, to_strict(np.array([0, 0])), 1)
    strict_xp.add.at(target, slice(0, 2), 1)
    same(target, np.array([1, 1, 0]))


def test_dtypes_that_cupy_lacks():
    for host in (np.array(["a"]), np.array([object()])):
        with pytest.raises(ValueError, match="Unsupported dtype"):
            to_strict(host)


def test_the_tables_agree_with_cupy():
    cupy = pytest.importorskip("cupy", exc_type=ImportError)
    modules = [(cupy, strict._FUNCTIONS | strict._SEQUENCES | strict._CREATION), (cupy.linalg, strict._LINALG),
               (cupy.fft, strict._FFT), (cupy.lib.stride_tricks, strict._STRIDES)]
    for module, table in modules:
        for name, allowed in table.items():
            parameters = inspect.signature(getattr(module, name)).parameters
            if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                assert set(allowed.split()) <= set(parameters), name
    assert all(hasattr(cupy, name) for name in strict._UFUNCS + strict._ABOUT + strict._CONSTANTS)
    assert not any(hasattr(cupy, name) for name in strict.LACKING)
    public = {name for name in dir(StrictArray) if not name.startswith("_")}
    assert public <= set(dir(cupy.ndarray))


# ------------------------------------------------------------------------------------- what is allowed, and works

@pytest.mark.parametrize("op", ARITHMETIC + COMPARE, ids=lambda op: op.__name__)
@pytest.mark.parametrize("scalar", [2, 2.5, True, np.float32(2.5), np.float64(2.5), np.int64(3)], ids=repr)
def test_scalars_follow_numpys_rules(op, scalar, x):
    same(op(x, scalar), op(HOST, scalar))
    same(op(scalar, x), op(scalar, HOST))


def test_reductions_give_zero_dimensional_arrays(x):
    for name in ("sum", "mean", "max", "min", "prod", "argmax", "all", "any", "std", "var"):
        same(getattr(x, name)(), np.asarray(getattr(HOST, name)()))
        same(getattr(strict_xp, name)(x, axis=0), getattr(np, name)(HOST, axis=0))
    same(strict_xp.allclose(x, x), np.asarray(True))
    same(strict_xp.exp(1.0), np.asarray(np.exp(1.0)))


def test_numpys_protocols_answer_on_the_device(x):
    same(np.exp(x), np.exp(HOST))
    same(np.sum(x, axis=0), HOST.sum(axis=0))
    same(np.concatenate([x, x]), np.concatenate([HOST, HOST]))


def test_indexing_like_numpy(x):
    rows, mask = np.array([1, 0]), HOST > 2
    for index in (0, -1, (0, 1), slice(1), (slice(None), 2), None, Ellipsis, (1, None, slice(0, 2)), [1, 0], (0, [1, 2])):
        same(x[index], HOST[index])
    same(x[to_strict(rows)], HOST[rows])
    same(x[to_strict(mask)], HOST[mask])
    same(x[to_strict(rows), 1], HOST[rows, 1])
    x[to_strict(mask)] = 0.0
    same(x, np.where(mask, np.float32(0), HOST))
    with pytest.raises(IndexError):
        x[to_strict(np.array([7]))]
    with pytest.raises(IndexError):
        x["row"]


def test_an_entry_is_a_view_as_in_cupy(x):
    entry = x[0, 1]
    entry += 10
    assert float(x[0, 1]) == 12.0


def test_views_in_place_and_shape(x):
    x.T[0] = 9.0
    x.reshape(-1)[5:] *= 2
    same(x, np.array([[9, 2, 3], [9, 5, 12]], np.float32))
    assert (x.shape, x.ndim, x.size, x.strides, x.nbytes, x.itemsize, len(x)) == ((2, 3), 2, 6, (12, 4), 24, 4, 2)
    assert x.base is None and x[0].base is not None
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)


def test_functions_like_numpy(x):
    a = np.arange(6, dtype=np.float32)
    same(strict_xp.einsum("ij,kj->ik", x, x, optimize=True), np.einsum("ij,kj->ik", HOST, HOST))
    same(strict_xp.pad(x, ((1, 0), (0, 1)), mode="reflect"), np.pad(HOST, ((1, 0), (0, 1)), mode="reflect"))
    same(strict_xp.lib.stride_tricks.sliding_window_view(to_strict(a), 3),
         np.lib.stride_tricks.sliding_window_view(a, 3))
    same(strict_xp.meshgrid(strict_xp.arange(2), strict_xp.arange(3), indexing="ij")[1], np.array([[0, 1, 2]] * 2))
    same(strict_xp.split(to_strict(a), 2)[1], a[3:])
    same(strict_xp.linalg.svd(x, full_matrices=False)[1], np.linalg.svd(HOST, full_matrices=False)[1])
    same(strict_xp.asarray([x[0], x[1]]), HOST)
    assert strict_xp.asarray(x) is x and strict_xp.array(x) is not x
    assert strict_xp.result_type(x, np.float64) == np.float64


def test_random_draws_follow_the_host_stream():
    same(backend.Generator(3).uniform((2, 2), xp=strict_xp), backend.Generator(3).uniform((2, 2)))
