"""The engine: the walk, freeing, sums over shared nodes, hooks, modes, the in-place guard, anomaly mode, deep chains."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minicnn as mc
from minicnn import autograd
from minicnn.autograd import Primitive, primitive, raw
from minicnn.errors import AnomalyError, GraphError, InputError


def leaf(*values, dtype=np.float64):
    return mc.Tensor(np.array(values, dtype), requires_grad=True)


def test_shared_nodes_are_summed_once():
    """a -> b = a + a -> c = b + b: a depth-first walk that visits b twice would give 8 instead of 4 (or 2)."""
    a = leaf(1.0)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.item() == 4.0


def test_diamond_of_diamonds_is_linear_in_nodes_and_exact():
    a = leaf(1.0)
    x = a
    for _ in range(60):  # 2^60 paths
        x = x + x
    x.backward()
    assert a.grad.item() == 2.0**60


def test_chain_of_ten_thousand_operations():
    a = leaf(1.0)
    x = a
    for _ in range(10_000):
        x = x * 1.0
    x.backward()
    assert a.grad.item() == 1.0
    del x  # freeing the chain must not recurse either


def test_gradients_accumulate_and_zero_grad_by_none():
    a = leaf(2.0)
    (a * 3).backward()
    (a * 4).backward()
    assert a.grad.item() == 7.0
    a.grad = None
    (a * 4).backward()
    assert a.grad.item() == 4.0


def test_leaf_gradients_share_no_memory():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = np.ones(2)
    (a + b).backward(seed)
    a.grad.data[:] = 9
    np.testing.assert_array_equal(b.grad.data, [1, 1])
    np.testing.assert_array_equal(seed, [1, 1])


SLICES = [np.s_[1], np.s_[-1, ::2], np.s_[..., 1:], np.s_[::-1, 0], np.s_[None, 2], np.s_[:, -2:0:-1], np.s_[0:0], np.s_[[1, 1, 3]],
          np.s_[:]]


@pytest.mark.parametrize("whole", ["none", "first", "last"])
@pytest.mark.parametrize("order", [1, -1])
def test_slices_of_one_tensor_add_up(whole, order, rng):
    """Overlapping slices, an index array among them, with and without another use of the tensor before or after them."""
    x = rng.normal(size=(4, 5))
    a = mc.Tensor(x, requires_grad=True)
    weights, expected, total = [rng.normal(size=x[s].shape) for s in SLICES], np.zeros((4, 5)), 0.0
    b = a * 1.0
    if whole == "first":
        total = total + (b * b).sum()
    for s, w in list(zip(SLICES, weights))[::order]:
        total = total + (b[s] * w).sum()
        np.add.at(expected, s, w)
    if whole == "last":
        total = total + (b * b).sum()
    total.backward()
    np.testing.assert_allclose(a.grad._data, expected + (0 if whole == "none" else 2 * x), rtol=1e-12)


def test_slices_of_a_leaf_and_of_mixed_dtype():
    a = leaf(1.0, 2.0, 3.0, dtype=np.float32)
    (a[0] * 2 + a[1:].sum() + (a[:2].double() * np.float64(1 / 3)).sum()).backward()
    assert a.grad.dtype == np.float32
    np.testing.assert_allclose(a.grad._data, [2 + 1 / 3, 1 + 1 / 3, 1], rtol=1e-6)


def test_a_slice_is_not_added_into_somebody_elses_array():
    """The seed itself is what has arrived for b when the share of its slice comes."""
    a, seed = leaf(1.0, 2.0, 3.0), np.array([1.0, 10.0, 100.0])
    b = a * 1
    (b + b[0]).backward(seed)
    np.testing.assert_array_equal(seed, [1, 10, 100])
    np.testing.assert_array_equal(a.grad._data, [112, 10, 100])


def test_many_slices_cost_one_array_of_zeros(monkeypatch):
    """The gradient of t slices is added into one array: the work grows with t and not with t squared."""
    made = []
    put = autograd.Traced._put
    monkeypatch.setattr(autograd.Traced, "_put", staticmethod(lambda *args, **kw: made.append(1) or put(*args, **kw)))
    a = mc.Tensor(np.arange(50.0), requires_grad=True)
    x = a * 1
    y = x[0]
    for t in range(1, 50):
        y = y * 0.5 + x[t]
    y.backward()
    np.testing.assert_allclose(a.grad._data, 0.5 ** np.arange(49, -1, -1))
    assert len(made) == 1


def test_slices_differentiate_twice():
    a = leaf(1.0, 2.0, 3.0)
    (g,) = mc.grad((a[0] * a[1] * a[1:].sum(),), (a,), create_graph=True)
    g[1].backward()
    np.testing.assert_allclose(a.grad._data, [2 * 2 + 3, 2, 1])  # d/da of a0 (a1 + a2) + a0 a1


def test_gradient_of_a_view_owns_its_memory():
    a = leaf(1.0, 2.0, 3.0, 4.0)
    a.reshape(2, 2).backward(np.ones((2, 2)))
    assert a.grad._data.base is None


def test_second_backward_needs_retain_graph():
    a = leaf(2.0)
    y = a * a
    y.backward(retain_graph=True)
    y.backward()
    assert a.grad.item() == 8.0
    with pytest.raises(GraphError, match="freed by an earlier backward"):
        y.backward()


def test_graph_is_freed_as_the_walk_goes():
    """Arrays that a node saved are gone once its backward is done, while the walk still runs."""
    a = leaf(*(k / 10 for k in range(10)))
    middle = a.exp()
    seen = weakref.ref(middle)
    y = (middle * 2.0).exp()
    del middle
    alive_at_first = []
    probe = a * 1.0  # older than nothing that matters; its hook runs when the walk reaches the leaf side
    out = (y + probe).sum()
    probe.register_hook(lambda g: alive_at_first.append(seen() is not None))
    out.backward()
    gc.collect()
    assert seen() is None


def test_only_what_rules_name_is_kept():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    assert all(x is None or not raw(x).size for x in (a + b)._node.args)
    product = a * b
    assert product._node.y is None and len(product._node.args) == 2
    half = a * mc.Tensor([3.0, 4.0])
    assert half._node.args[0] is None  # only the constant factor is needed for a's gradient


def test_a_rule_may_only_name_what_exists():
    @primitive
    def twice(x):
        return 2 * x

    with pytest.raises(TypeError, match="names 'z'"):
        twice.defvjp(x=lambda g, z: g)


def test_no_rule_raises_and_none_means_locally_constant():
    @primitive
    def no_rule(x):
        return x + 1

    with pytest.raises(GraphError, match="no derivative rule"):
        no_rule(leaf(1.0))
    assert no_rule(mc.Tensor([1.0])).data == 2
    y = leaf(1.5).floor()
    assert not y.requires_grad
    with pytest.raises(GraphError, match="nothing was recorded"):
        y.backward()


def test_primitives_are_plain_functions_of_arrays():
    from minicnn.ops import elementwise as E

    assert isinstance(E.exp, Primitive)
    assert isinstance(E.exp(np.ones(2)), np.ndarray)


def test_backward_needs_a_scalar_or_a_cotangent_of_the_right_shape():
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(InputError, match="backward: gradient must be given"):
        y.backward()
    with pytest.raises(InputError, match=r"gradient must be of the result's shape \(2,\)"):
        y.backward(np.ones(3))


def test_hooks_on_leaf_interior_and_removal():
    a = leaf(3.0)
    y = a * 2
    calls = []
    handle = y.register_hook(lambda g: calls.append(g.item()) or g * 10)
    a.register_hook(lambda g: calls.append(g.item()))
    (y * y).backward()
    assert calls == [12.0, 240.0] and a.grad.item() == 240.0
    handle.remove()
    y = a * 2
    y.retain_grad()
    (y * y).backward()
    assert y.grad.item() == 12.0


def test_leaf_hook_sees_the_total_once():
    a, calls = leaf(1.0), []
    a.register_hook(lambda g: calls.append(g.item()))
    (a * 2 + a * 3).backward()
    assert calls == [5.0]


def test_no_grad_enable_grad_and_set_grad_enabled():
    a = leaf(1.0)
    with mc.no_grad():
        assert not (a * 2).requires_grad
        with mc.enable_grad():
            assert (a * 2).requires_grad
    assert (a * 2).requires_grad

    @mc.no_grad()
    def inside():
        return mc.is_grad_enabled()

    assert not inside() and mc.is_grad_enabled()
    with mc.set_grad_enabled(False):
        assert not mc.is_grad_enabled()
    assert mc.is_grad_enabled()
    mc.set_grad_enabled(False)
    assert not mc.is_grad_enabled()
    mc.set_grad_enabled(True)


def test_modes_belong_to_a_thread():
    seen = []
    with mc.no_grad():
        thread = threading.Thread(target=lambda: seen.append(mc.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_no_grad_is_left_on_an_exception():
    with pytest.raises(ValueError):
        with mc.no_grad():
            raise ValueError
    assert mc.is_grad_enabled()


# ------------------------------------------------------------------------------------------- never silently wrong

def changed_through_data(a):
    y = a * a
    a.data[0] = 7.0
    return y


def changed_through_an_older_handle(a):
    handle = a.data
    y = a * a
    handle[0] = 7.0
    return y


def changed_through_numpy_view(a):
    y = a.detach().requires_grad_() * a
    a.detach().numpy()[0] = 7.0
    return y


def changed_by_setitem(a):
    y = a * a
    with mc.no_grad():
        a[0] = 7.0
    return y


def changed_by_add_(a):
    y = a * a
    with mc.no_grad():
        a.add_(1.0)
    return y


def result_changed(a):
    y = a.exp()
    y.data[0] = 7.0
    return y


def result_changed_under_no_grad(a):
    y = a.exp()
    with mc.no_grad():
        y.zero_()
    return y


def view_changed(a):
    v = a[1:]
    y = v * v
    with mc.no_grad():
        a.fill_(3.0)
    return y


def base_changed_through_view(a):
    y = a * a
    with mc.no_grad():
        a.detach()[0] = 5.0
    return y


def shared_array_changed(a):
    array = np.array([1.0, 2.0])
    x = mc.from_numpy(array)
    y = a[:2] * x
    array[0] = 100.0
    return y


@pytest.mark.parametrize("program", [
    changed_through_data, changed_through_an_older_handle, changed_through_numpy_view, changed_by_setitem, changed_by_add_,
    result_changed, result_changed_under_no_grad, view_changed, base_changed_through_view, shared_array_changed,
], ids=lambda f: f.__name__)
def test_changing_a_needed_value_raises(program):
    y = program(leaf(1.0, 2.0, 3.0))
    with pytest.raises(GraphError, match="changed in place"):
        y.sum().backward()


def test_constant_arrays_are_copied_so_later_writes_do_no_harm():
    a, factor = leaf(1.0, 2.0), np.array([3.0, 4.0])
    y = a * factor
    factor[:] = 0
    y.sum().backward()
    np.testing.assert_array_equal(a.grad.data, [3, 4])


def test_index_arrays_are_copied():
    a, index = leaf(1.0, 2.0, 3.0), np.array([0, 0])
    y = a[index]
    index[:] = 2
    y.sum().backward()
    np.testing.assert_array_equal(a.grad.data, [2, 0, 0])


def test_changing_a_value_no_rule_needs_is_fine():
    a = leaf(1.0, 2.0)
    y = a + 1.0
    a.data[0] = 5.0
    y.sum().backward()
    np.testing.assert_array_equal(a.grad.data, [1, 1])


def test_reading_data_is_fine():
    a = leaf(1.0, 2.0)
    y = a * a
    assert a.data.sum() == 3
    y.sum().backward()
    np.testing.assert_array_equal(a.grad.data, [2, 4])


def test_writing_into_the_graph_is_refused():
    a = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match="inside `with minicnn.no_grad"):
        a[0] = 3.0
    with pytest.raises(GraphError, match="part of a graph"):
        (a * 2).zero_()
    plain = mc.zeros(2)
    with pytest.raises(GraphError, match="would lose"):
        plain[0] = a.sum()


def test_integers_have_no_gradient():
    with pytest.raises(InputError, match="floating-point"):
        mc.tensor([1, 2]).requires_grad_()


def test_mixed_dtypes_give_gradients_in_each_leafs_dtype():
    a, b = leaf(1.0, 2.0, dtype=np.float32), leaf(3.0, 4.0)
    (a * b).sum().backward()
    assert a.grad.dtype == np.float32 and b.grad.dtype == np.float64
    np.testing.assert_array_equal(a.grad.data, [3, 4])


def test_float32_stays_float32():
    a = leaf(1.0, 2.0, dtype=np.float32)
    y = ((a * 2.0 + 1) ** 2 / 3).exp().mean() * np.float64(2.0)
    y.backward()
    assert y.dtype == np.float32 and a.grad.dtype == np.float32


# ------------------------------------------------------------------------------------------------ anomaly mode

def test_anomaly_names_operation_and_line_forward():
    a = leaf(-1.0, 1.0)
    message = r"log made the first NaN, forward, at .*test_autograd.py:\d+"
    with np.errstate(all="ignore"), mc.detect_anomaly(), pytest.raises(AnomalyError, match=message):
        (a.log() * 0).sum()


def test_anomaly_names_operation_and_line_backward():
    a = leaf(0.0, 1.0)
    with np.errstate(all="ignore"), mc.detect_anomaly():
        y = a.sqrt().sum()
        with pytest.raises(AnomalyError, match=r"sqrt made the first Inf, backward.*test_autograd.py:\d+"):
            y.backward()


def test_anomaly_off_lets_nan_through():
    a = leaf(-1.0)
    with mc.detect_anomaly():
        pass
    assert autograd._watched == 0  # no thread asks any longer
    with np.errstate(all="ignore"):
        assert np.isnan(a.log().data).all()


def test_in_place_error_shows_the_line_under_anomaly_mode():
    a = leaf(1.0)
    with mc.detect_anomaly():
        y = a * a
    a.data[0] = 2
    with pytest.raises(GraphError, match=r"recorded at .*test_autograd.py"):
        y.backward()


def test_operations_of_mismatched_shapes_say_what_came():
    with pytest.raises(InputError, match=r"add: .*u: float64 \(2,\), v: float64 \(3,\)"):
        leaf(1.0, 2.0) + leaf(1.0, 2.0, 3.0)


def test_views_handed_out_again_and_again_are_watched_once():
    x = mc.zeros(4, 3)
    for _ in range(50):
        x[1].data
    assert len(x._guard.handed_out) == 1  # a list that grew made every later step of a long run slower


def test_an_argument_must_not_bear_a_name_that_rules_use_for_something_else():
    with pytest.raises(TypeError, match="'y' means something else"):
        @primitive
        def scaled(x, y):
            return x * y


@pytest.mark.parametrize("size, shape", [
    ((3, 4), (1, 4)), ((3, 4), (3, 1)), ((3, 4), (4,)), ((3, 4), (1,)), ((3, 4), ()), ((2, 3, 4), (1, 3, 1)), ((2, 3, 4), (2, 1, 4)),
    ((2, 3, 4), (1, 4)), ((2, 3, 4), (3, 1)), ((2, 3, 4), (2, 3, 4)), ((1, 3, 4), (1, 4))], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("large", [True, False])
def test_sum_to_undoes_every_broadcast_whatever_is_summed_by_blas(size, shape, dtype, large, monkeypatch, rng):
    monkeypatch.setattr(autograd, "_BLAS_SUM", 1 if large else 10**9)
    x = rng.integers(-9, 9, size).astype(dtype)
    expected = np.zeros(shape, dtype)
    for index in np.ndindex(size):
        place = index[len(size) - len(shape):]
        expected[tuple(0 if n == 1 else i for i, n in zip(place, shape))] += x[index]
    for layout in (x, np.asfortranarray(x)):
        np.testing.assert_array_equal(raw(autograd.sum_to(layout, shape=shape)), expected, strict=True)


def test_a_node_keeps_what_its_rules_name_and_nothing_else():
    x = leaf(1.0, 2.0)
    for y, keeps_y, keeps_shapes, kept in ((x + x, False, False, 0), (x.exp(), True, False, 0), (x.sum(), False, True, 0),
                                           (x.log(), False, False, 1)):
        plan = y._node.plan
        assert (plan.keep_y, plan.keep_shapes, len(plan.keep)) == (keeps_y, keeps_shapes, kept)


def test_anomaly_mode_holds_for_its_own_thread_only():
    seen = []

    def work():
        with np.errstate(all="ignore"):
            seen.append(np.isnan(leaf(-1.0).log()._data).all())

    with mc.detect_anomaly():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [True]
