"""Matrix products: matmul (batched, broadcasting), linear layers, einsum and outer."""

from ..autograd import broadcast_to, primitive, raw, sum_to
from ..backend import xp_of
from ..errors import InputError
from ..kernels import product
from .checks import describe
from .reduce import sum as sum_
from .shape import reshape, transpose

__all__ = ["matmul", "linear", "einsum", "outer", "swap_last"]


def swap_last(x):
    """x with its last two axes exchanged."""
    n = len(x.shape)
    return transpose(x, axes=(*range(n - 2), n - 1, n - 2))


@primitive
def matmul(u, v):
    """y = u v as matrices over the last two axes, batches broadcast; 1-d arguments are row (u) or column (v) vectors."""
    return product.matmul(u, v)


def _matmul_left(g, v, u_shape, v_shape):
    if len(v_shape) == 1:  # y_i = sum_k u_ik v_k
        return g * v if len(u_shape) == 1 else reshape(g, shape=(*g.shape, 1)) * v
    if len(u_shape) == 1:  # y_j = sum_k u_k v_kj
        return sum_(reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1])) * v, axis=(*range(len(v_shape) - 2), -1))
    return matmul(g, swap_last(v))


def _matmul_right(g, u, v, u_shape, v_shape):
    if len(u_shape) == 1:
        return g * u if len(v_shape) == 1 else reshape(u, shape=(-1, 1)) * reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    if len(v_shape) == 1:
        return sum_(u * reshape(g, shape=(*g.shape, 1)), axis=tuple(range(len(u_shape) - 1)))
    if len(v_shape) == 2 and len(u_shape) > 2:  # one big product instead of a batch of products that are then summed
        u, g = reshape(u, shape=(-1, u_shape[-1])), reshape(g, shape=(-1, g.shape[-1]))
    if len(v_shape) == 2 and raw(v).flags.f_contiguous:  # v = W' of a linear layer: W's gradient then lies in memory as W does
        return swap_last(matmul(swap_last(g), u))
    return matmul(swap_last(u), g)


matmul.defvjp(u=_matmul_left, v=_matmul_right)


@primitive
def linear(x, w, b):
    """y = x w' + b for x (..., in), w (out, in), b (out)."""
    return product.linear(x, w, b)


def _linear_weight(g, x, x_shape):
    """g' x, all samples (and places) below one another."""
    if len(x_shape) != 2:
        x, g = reshape(x, shape=(-1, x_shape[-1])), reshape(g, shape=(-1, g.shape[-1]))
    return matmul(swap_last(g), x)


linear.defvjp(x=lambda g, w: matmul(g, w), w=_linear_weight, b=lambda g, b_shape: sum_to(g, shape=b_shape))


@primitive
def _einsum(*xs, subscripts):
    """The sum of products that `subscripts` ('ij,jk->ik') spells out."""
    return xp_of(*xs).einsum(subscripts, *xs, optimize=True)


def _einsum_rule(g, i, xs, shapes, subscripts):
    """dL/dx_i: the product of g with all other arguments, repeated over letters that only x_i has."""
    inputs, output = subscripts.split("->")
    names = inputs.split(",")
    others = [name for j, name in enumerate(names) if j != i]
    known = set(output).union(*others)
    reached = "".join(letter for letter in names[i] if letter in known)
    rest = [x for j, x in enumerate(xs) if j != i]
    part = _einsum(g, *rest, subscripts=",".join([output, *others]) + "->" + reached)
    lengths = dict(zip(reached, part.shape))
    part = reshape(part, shape=tuple(lengths.get(letter, 1) for letter in names[i]))
    return broadcast_to(part, shape=tuple(lengths.get(letter, n) for letter, n in zip(names[i], shapes[i])))


_einsum.defvjp_each(_einsum_rule)


def einsum(subscripts, *xs):
    """Sums of products in Einstein's notation: einsum('ij,jk->ik', a, b) is a matrix product.

    Letters only, or '...' for broadcast axes in front; a letter may not repeat within one argument.
    """
    if not isinstance(subscripts, str):
        raise InputError("einsum", "subscripts", "a string such as 'ij,jk->ik'", type(subscripts).__name__)
    return _einsum(*xs, subscripts=_explicit(subscripts.replace(" ", ""), xs))


def _explicit(subscripts, xs):
    """The subscripts with '...' spelled out in capital letters and '->' with its letters written."""
    inputs, arrow, output = subscripts.partition("->")
    names = inputs.split(",")
    if len(names) != len(xs):
        raise InputError("einsum", "subscripts", f"one group of letters per array ({len(xs)})", repr(subscripts))
    spare = [c for c in "ZYXWVUTSRQ" if c not in subscripts]
    dots = [len(x.shape) - len(n.replace("...", "")) if "..." in n else 0 for n, x in zip(names, xs)]
    if max(dots, default=0) > len(spare):
        raise InputError("einsum", "subscripts", f"at most {len(spare)} axes under '...'", repr(subscripts))
    most = "".join(spare[: max(dots, default=0)])
    full = [n.replace("...", most[len(most) - d :]) for n, d in zip(names, dots)]
    for name, x in zip(full, xs):
        if len(name) != len(x.shape) or len(set(name)) != len(name):
            raise InputError("einsum", "subscripts", "one letter per axis, none twice in a group",
                             f"{name!r} for shape {tuple(x.shape)}")
    if not arrow:
        letters = "".join(full)
        output = ("..." if most else "") + "".join(sorted(c for c in set(letters) - set(most) if letters.count(c) == 1))
    return ",".join(full) + "->" + output.replace("...", most)


def outer(u, v):
    """y_ij = u_i v_j for vectors u and v."""
    for name, x in (("u", u), ("v", v)):
        if len(getattr(x, "shape", ())) != 1:
            raise InputError("outer", name, "a vector", describe(x))
    return reshape(u, shape=(-1, 1)) * reshape(v, shape=(1, -1))
