"""Tensor against torch: the same call gives the same numbers, values and gradients."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.errors import InputError

torch = pytest.importorskip("torch", reason="second opinion")

UNARY = {
    "exp": (-1, 1), "expm1": (-1, 1), "log": (0.5, 2), "log1p": (-0.5, 2), "log2": (0.5, 2), "sqrt": (0.5, 2), "rsqrt": (0.5, 2),
    "sin": (-2, 2), "cos": (-2, 2), "tan": (-1, 1), "tanh": (-3, 3), "sigmoid": (-5, 5), "erf": (-3, 3), "abs": (-1, 1),
    "square": (-2, 2), "reciprocal": (0.5, 2), "sign": (-1, 1), "floor": (-3, 3), "ceil": (-3, 3), "relu": (-1, 1), "neg": (-1, 1),
}

METHODS = [
    lambda x: x.sum(), lambda x: x.sum(dim=1), lambda x: x.sum(dim=(0, 2), keepdim=True), lambda x: x.mean(dim=-1),
    lambda x: x.mean(), lambda x: x.var(), lambda x: x.var(dim=1), lambda x: x.var(dim=(0, 1), correction=0, keepdim=True),
    lambda x: x.std(dim=2), lambda x: x.prod(dim=1), lambda x: x.max(), lambda x: x.max(dim=1)[0], lambda x: x.min(dim=0)[0],
    lambda x: x.max(dim=2, keepdim=True)[1], lambda x: x.amax(dim=(0, 1)), lambda x: x.amin(dim=1, keepdim=True),
    lambda x: x.argmax(), lambda x: x.argmax(dim=1), lambda x: x.argmin(dim=-1, keepdim=True), lambda x: x.cumsum(dim=1),
    lambda x: x.logsumexp(dim=1), lambda x: x.logsumexp(dim=(0, 2), keepdim=True), lambda x: x.softmax(dim=1),
    lambda x: x.log_softmax(dim=-1), lambda x: x.norm(), lambda x: x.norm(p=1, dim=1), lambda x: x.norm(p=3, dim=(0, 1)),
    lambda x: x.norm(p=float("inf"), dim=1), lambda x: x.sort(dim=1)[0], lambda x: x.sort(dim=1, descending=True)[1],
    lambda x: x.argsort(dim=0), lambda x: x.topk(2, dim=1)[0], lambda x: x.topk(2, dim=2, largest=False)[1],
    lambda x: x.reshape(4, -1), lambda x: x.view(2, 12), lambda x: x.flatten(1), lambda x: x.flatten(0, 1),
    lambda x: x.permute(2, 0, 1), lambda x: x.transpose(0, 2), lambda x: x.mT, lambda x: x.unsqueeze(1).squeeze(1),
    lambda x: x.unsqueeze(-1).expand(-1, -1, -1, 5), lambda x: x[:, :1].expand(2, 3, 4), lambda x: x.repeat(2, 1, 3),
    lambda x: x.flip(0, 2), lambda x: x.roll(2, 1), lambda x: x.roll((1, -2), (0, 2)), lambda x: x.roll(5),
    lambda x: x.split(2, dim=1)[1], lambda x: x.split([1, 3], dim=2)[1], lambda x: x.chunk(3, dim=2)[-1],
    lambda x: x.unbind(1)[2], lambda x: x[1], lambda x: x[:, ::2], lambda x: x[..., -1], lambda x: x[None, :, 1:, 1],
    lambda x: x[[0, 1, 1], [0, 2, 2]], lambda x: x[:, [2, 0, 0]], lambda x: x[x > 0], lambda x: x.clamp(-0.5, 0.5),
    lambda x: x.clamp(min=0.1), lambda x: x.clone() * 2, lambda x: x.masked_fill(x > 0, -1.0), lambda x: x.t() if x.ndim < 3 else x,
    lambda x: x @ x.mT, lambda x: x**2, lambda x: x**3, lambda x: (x.abs() + 0.5) ** -1.5,
    lambda x: 2.0**x, lambda x: 1 - x, lambda x: 1 / (x + 5),
    lambda x: x.maximum(-x), lambda x: x.minimum(x * 2), lambda x: x > 0, lambda x: (x > 0) & (x < 1), lambda x: ~(x > 0),
    lambda x: x.any(dim=1) if hasattr(x, "_node") else x.bool().any(dim=1), lambda x: x.isnan(),
    lambda x: x.index_select(1, _index(x, [2, 0, 0])), lambda x: x.gather(1, _index(x, [[[2, 0, 1, 1]], [[0, 0, 2, 1]]])),
]


def _index(x, values):
    return mc.tensor(values) if isinstance(x, mc.Tensor) else torch.tensor(values)


def compare(f, *arrays, rtol=1e-10, constant=False):
    """Values and gradients of f on our tensors and on torch's; a `constant` f has no gradient here, and zeros in torch."""
    ours = [mc.Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = f(*ours), f(*theirs)
    np.testing.assert_allclose(y.detach()._data, z.detach().numpy(), rtol=rtol, atol=1e-12)
    assert str(y.dtype) == str(z.dtype).removeprefix("torch.")
    assert y.requires_grad == (z.requires_grad and not constant)
    if y.requires_grad and z.requires_grad:
        g = np.random.default_rng(1).normal(size=y.shape)
        y.backward(g)
        z.backward(torch.tensor(g))
        for a, b in zip(ours, theirs):
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None:
                np.testing.assert_allclose(a.grad._data, b.grad.numpy(), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name", UNARY)
def test_unary(name, rng):
    compare(lambda x: getattr(x, name)(), rng.uniform(*UNARY[name], size=(3, 4)), constant=name in ("sign", "floor", "ceil"))


@pytest.mark.parametrize("f", METHODS, ids=range(len(METHODS)))
def test_methods(f, rng):
    compare(f, rng.normal(size=(2, 3, 4)))


def test_round(rng):
    compare(lambda x: x.round(), rng.normal(size=(3, 4)) * 3, constant=True)


@pytest.mark.parametrize("shapes", [((3, 4), (4,)), ((2, 1, 4), (3, 1)), ((), (2, 3)), ((0, 3), (1, 3))], ids=str)
@pytest.mark.parametrize("op", ["__add__", "__sub__", "__mul__", "__truediv__", "__pow__"])
def test_broadcasting_operators(op, shapes, rng):
    a, b = (rng.uniform(0.5, 2, size=s) for s in shapes)
    compare(lambda x, y: getattr(x, op)(y), a, b)


@pytest.mark.parametrize("shapes", [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,)), ((0, 3), (3, 2)),
], ids=str)
def test_matmul(shapes, rng):
    compare(lambda x, y: x @ y, *(rng.normal(size=s) for s in shapes))


@pytest.mark.parametrize("subscripts, shapes", [
    ("ij,jk->ik", ((2, 3), (3, 4))), ("ij,jk", ((2, 3), (3, 4))), ("i,i->", ((3,), (3,))), ("ij->ji", ((2, 3),)),
    ("ij->", ((2, 3),)), ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))), ("...i,ij->...j", ((2, 3, 4), (4, 5))),
    ("i,j->ij", ((2,), (3,))), ("ij,ij,i->j", ((2, 3), (2, 3), (2,))), ("ij,k->ik", ((2, 3), (4,))),
], ids=str)
def test_einsum(subscripts, shapes, rng):
    library = {mc.Tensor: mc, torch.Tensor: torch}
    compare(lambda *xs: library[type(xs[0])].einsum(subscripts, *xs), *(rng.normal(size=s) for s in shapes))


@pytest.mark.parametrize("f", [
    lambda lib, x, y: lib.cat([x, y], dim=0), lambda lib, x, y: lib.cat([x, y], -1), lambda lib, x, y: lib.stack([x, y], 1),
    lambda lib, x, y: lib.where(x > y, x, y), lambda lib, x, y: lib.maximum(x, y), lambda lib, x, y: lib.outer(x[0], y[1]),
    lambda lib, x, y: lib.tril(x), lambda lib, x, y: lib.triu(y, 1), lambda lib, x, y: lib.einsum("ij,ij->i", x, y),
    lambda lib, x, y: lib.clamp(x, y - 0.5, y + 0.5),
], ids=range(10))
def test_functions_of_two(f, rng):
    library = {mc.Tensor: mc, torch.Tensor: torch}
    compare(lambda x, y: f(library[type(x)], x, y), rng.normal(size=(3, 4)), rng.normal(size=(3, 4)))


def test_python_numbers_make_float32_and_int64():
    assert mc.tensor([1.0, 2.0]).dtype == np.float32 and mc.tensor([1, 2]).dtype == np.int64
    assert mc.tensor(3).shape == () and mc.tensor([True]).dtype == np.bool_
    assert mc.tensor(np.ones(2)).dtype == np.float64


def test_a_tensor_copies_its_array():
    a = np.ones(2)
    x = mc.Tensor(a)
    a[0] = 5
    assert x.data[0] == 1
    assert mc.from_numpy(a).data is a


def test_array_times_tensor_is_a_tensor():
    x = mc.tensor([1.0, 2.0], requires_grad=True)
    y = np.array([3.0, 4.0], np.float32) * x
    assert isinstance(y, mc.Tensor)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [3, 4])


def test_repr_shows_values_and_origin():
    x = mc.tensor([1.0, 2.5], requires_grad=True)
    assert repr(x) == "tensor([1. , 2.5], requires_grad=True)"
    assert "grad_fn=<mul node>" in repr(x * 2) and "int64" not in repr(mc.arange(3))


def test_in_place_methods_on_plain_tensors():
    x = mc.zeros(3)
    x.add_(2.0).mul_(3).sub_(1, alpha=2).div_(2)
    np.testing.assert_array_equal(x.data, [2, 2, 2])
    x[1:] = mc.tensor([7.0, 8.0])
    x.clamp_(max=7.5)
    np.testing.assert_array_equal(x.data, [2, 7, 7.5])


def test_numpy_needs_detach_and_shares_memory():
    x = mc.ones(2, requires_grad=True)
    with pytest.raises(mc.GraphError, match="detach"):
        x.numpy()
    assert np.shares_memory(x.detach().numpy(), x._data)


@pytest.mark.parametrize("f", [
    lambda x: x.clamp(0.0, 1.0), lambda x: x.clamp(min=1.0), lambda x: x.clamp(max=0.0), lambda x: x.abs(), lambda x: x.relu(),
    lambda x: x**0, lambda x: x**0.0, lambda x: x**1, lambda x: x**2, lambda x: x**3])
def test_gradients_at_kinks_are_those_of_torch(f):
    compare(f, np.array([0.0, 1.0, 2.0, -1.0]))


def test_gradients_of_powers_of_zero_are_those_of_torch():
    compare(lambda u, v: u**v, np.array([0.0, 0.0, 0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0, 3.0, 0.0]))


def test_no_copies_are_an_empty_tensor():
    compare(lambda x: x.expand(0, 3), np.ones((1, 3)))
    compare(lambda x: x.expand(0, -1, 3), np.ones((2, 3)))
    compare(lambda x: x.repeat(0, 2), np.ones((2, 3)))


def test_one_chunk_is_the_whole():
    x = mc.arange(5)
    (only,) = x.chunk(1)
    np.testing.assert_array_equal(only.numpy(), x.numpy())
    assert [len(c) for c in x.chunk(9)] == [1] * 5


@pytest.mark.parametrize("mode", ["replicate", "circular"])
def test_padding_repeats_a_single_entry_and_refuses_to_repeat_none(mode):
    x = mc.tensor(np.full((1, 2, 1), 3.0))
    np.testing.assert_array_equal(nn.functional.pad(x, (1, 1), mode=mode).numpy(), np.full((1, 2, 3), 3.0))
    with pytest.raises(InputError, match="pad: pad must be"):
        nn.functional.pad(x[:, :, :0], (1, 0), mode=mode)


@pytest.mark.parametrize("function", [mc.maximum, mc.minimum])
def test_at_a_tie_each_side_gets_half(function):
    u, v = (mc.tensor(np.array(a), requires_grad=True) for a in ([1.0, 2.0, 3.0], [1.0, 5.0, 0.0]))
    function(u, v).sum().backward()
    larger = 1.0 if function is mc.maximum else 0.0
    np.testing.assert_array_equal(u.grad.numpy(), [0.5, 1 - larger, larger])
    np.testing.assert_array_equal(v.grad.numpy(), [0.5, larger, 1 - larger])
