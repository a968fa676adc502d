"""Derivatives as functions: grad, vjp, jvp, jacobian, hessian, hvp, and checkpoint, which trades time for memory."""

from . import backend
from .autograd import Traced, enable_grad, primitive, run_backward
from .backend import xp_of
from .errors import GraphError, InputError
from .ops import arrange
from .tensor import Tensor, seed_cotangent

__all__ = ["grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "checkpoint", "leaves_of"]


def _listed(x):
    return list(x) if isinstance(x, (tuple, list)) else [x]


def _like(tensors, form):
    """A tuple if the caller gave one, else the only tensor."""
    return tuple(tensors) if isinstance(form, (tuple, list)) else tensors[0]


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, allow_unused=False):
    """d sum<outputs, grad_outputs> / d inputs, as a tuple; `.grad` fields stay as they are.

    grad_outputs: cotangents of the outputs' shapes (1 for a scalar). create_graph: the results can be differentiated
    again. An input that the outputs do not depend on is an error, or gives None with allow_unused.
    """
    outputs, inputs = _listed(outputs), _listed(inputs)
    for x in inputs:
        if not isinstance(x, Tensor) or not x.requires_grad:
            raise GraphError("grad: every input must be a tensor that requires a gradient")
    seeds = _listed(grad_outputs) if grad_outputs is not None else [None] * len(outputs)
    if len(seeds) != len(outputs):
        raise InputError("grad", "grad_outputs", f"one per output ({len(outputs)})", len(seeds))
    cotangents = [seed_cotangent("grad", y, g, create_graph) for y, g in zip(outputs, seeds)]
    retain = create_graph if retain_graph is None else retain_graph
    found = run_backward(outputs, cotangents, inputs, retain, create_graph)
    if not allow_unused and any(g is None for g in found):
        position = [g is None for g in found].index(True)
        raise GraphError(f"grad: the outputs do not depend on input {position}; pass allow_unused=True to get None for it")
    return tuple(g if g is None or isinstance(g, Traced) else Tensor._make(xp_of(g).array(g)) for g in found)


def _leaves(xs, create_graph):
    """Inputs as tensors that can be differentiated by: fresh leaves, or (to stay in an outer graph) views of them."""
    made = []
    for x in xs:
        x = x if isinstance(x, Tensor) else Tensor(x)
        if x.dtype.kind != "f":
            raise InputError("derivative", "inputs", "floating-point tensors", f"dtype {x.dtype}")
        made.append(x.view(*x.shape) if create_graph and x.requires_grad else x.detach().requires_grad_())
    return made


def _call(f, xs):
    y = f(*xs)
    if not isinstance(y, Tensor):
        raise InputError("derivative", "f", "a function that returns one tensor", type(y).__name__)
    return y


def vjp(f, *xs, create_graph=False):
    """(y, pullback) with y = f(*xs) and pullback(g) = the tuple of g's products with the Jacobians dy/dx."""
    with enable_grad():
        leaves = _leaves(xs, create_graph)
        y = _call(f, leaves)

    def pullback(g):
        found = grad(y, leaves, g, retain_graph=True, create_graph=create_graph, allow_unused=True) \
            if y.requires_grad else [None] * len(leaves)
        return tuple(Tensor._make(x._data * 0) if d is None else d for d, x in zip(found, leaves))

    return y, pullback


def jvp(f, xs, vs, create_graph=False):
    """(y, Jv): the derivative of f at xs in the direction vs.

    By the double-backward trick: the pullback g -> J'g is linear in g, so its own pullback, at v, is Jv.
    """
    xs, vs = _listed(xs), _listed(vs)
    if [x.shape for x in xs] != [v.shape for v in vs]:
        raise InputError("jvp", "vs", f"of the inputs' shapes {[x.shape for x in xs]}", [v.shape for v in vs])
    with enable_grad():
        leaves = _leaves(xs, create_graph)
        y = _call(f, leaves)
        zeros = Tensor._make(xp_of(y._data).zeros_like(y._data))
        if not y.requires_grad:
            return y, zeros
        dummy = Tensor._make(xp_of(y._data).zeros_like(y._data)).requires_grad_()
        pulled = grad(y, leaves, dummy, create_graph=True, allow_unused=True)
        pairs = [(p, v) for p, v in zip(pulled, vs) if p is not None and p.requires_grad]
        if not pairs:
            return y, zeros
        (result,) = grad([p for p, _ in pairs], dummy, [v for _, v in pairs], create_graph=create_graph, allow_unused=True)
    return y, zeros if result is None else result


def jacobian(f, xs, create_graph=False):
    """dy/dx, of shape (*y.shape, *x.shape); a tuple of them for a tuple of inputs. One pullback per entry of y."""
    inputs = _listed(xs)
    y, pullback = vjp(f, *inputs, create_graph=create_graph)
    xp, rows = xp_of(y._data), []
    for i in range(y.numel()):
        one = xp.zeros(y.numel(), dtype=y.dtype)
        one[i] = 1
        rows.append(pullback(Tensor._make(one.reshape(y.shape))))
    result = []
    for k, x in enumerate(inputs):
        if not rows:
            result.append(Tensor._make(xp.zeros((*y.shape, *x.shape), dtype=y.dtype)))
            continue
        result.append(arrange.stack([row[k] for row in rows]).reshape(*y.shape, *x.shape))
    return _like(result, xs)


def _scalar(function, f, x):
    y = _call(f, [x])
    if y.numel() != 1:
        raise InputError(function, "f", "a function with a scalar result", f"shape {y.shape}")
    return y


def hessian(f, x, create_graph=False):
    """d^2 f / dx dx for a scalar function of one tensor, of shape (*x.shape, *x.shape)."""

    def gradient(t):
        y = _scalar("hessian", f, t)
        found = grad(y, t, create_graph=True, allow_unused=True)[0] if y.requires_grad else None
        return t * 0 if found is None else found

    return jacobian(gradient, x, create_graph=create_graph)


def hvp(f, x, v, create_graph=False):
    """(f(x), H v) for a scalar function, without building the Hessian H: the gradient of <grad f, v>."""
    with enable_grad():
        (leaf,) = _leaves([x], create_graph)
        y = _scalar("hvp", f, leaf)
        zero = leaf * 0
        first = grad(y, leaf, create_graph=True, allow_unused=True)[0] if y.requires_grad else None
        first = zero if first is None else first + zero
        (result,) = grad(first, leaf, v, create_graph=create_graph)
    return y, result


# --------------------------------------------------------------------------------------------------- checkpoint

def leaves_of(y):
    """The leaf tensors that a result was computed from."""
    seen, leaves, stack = set(), [], [y._node] if y._node is not None else []
    while stack:
        vertex = stack.pop()
        if id(vertex) in seen:
            continue
        seen.add(id(vertex))
        if isinstance(vertex, Traced):
            leaves.append(vertex)
        else:
            stack.extend(vertex.next_functions)
    return leaves


def checkpoint(f, *args):
    """f(*args), keeping none of its intermediate results: backward runs f again (Chen et al. 2016, section 3).

    Same result and same gradients, also for parameters that f uses without taking them as arguments, also of higher
    order; random draws of the default stream are repeated. f must return one tensor. Costs one more forward pass.
    Where f run again gives another result (it draws from a generator of its own, say), backward raises GraphError.
    """
    before = backend.get_rng_state()
    inputs = [a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in args]
    with enable_grad():
        trial = _call(f, inputs)
    given = {id(t) for t in inputs}
    sources = [a for a in args if isinstance(a, Tensor) and a.requires_grad]
    sources += [leaf for leaf in leaves_of(trial) if id(leaf) not in given]
    result, made = trial._data, backend.fingerprint(trial._data)
    del trial, inputs

    def again(arguments):
        """Run f once more, with the random stream as it was then, and afterwards as it is now."""
        now = backend.get_rng_state()
        backend.set_rng_state(before)
        try:
            with enable_grad():
                output = f(*arguments)
        finally:
            backend.set_rng_state(now)
        if backend.fingerprint(output._data) != made:
            raise GraphError("checkpoint: f run again gave another result, so that its gradient would be wrong. Random draws in f "
                             "must come from the default stream, and nothing that f reads may change before backward")
        return output

    @primitive
    def recompute(*xs):
        return result

    def rule(g, xs, wanted):
        recording = isinstance(g, Traced)
        if recording:
            arguments, by = args, sources
        else:
            arguments = [a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in args]
            fresh = [b for a, b in zip(args, arguments) if isinstance(a, Tensor) and a.requires_grad]
            by = fresh + sources[len(fresh):]
        found = grad(again(arguments), by, g if recording else Tensor._make(g), create_graph=recording, allow_unused=True)
        return [d if d is None or recording else d._data for d in found]

    recompute.defvjp_all(rule)
    if not sources:
        return Tensor._make(result)
    return recompute(*sources)
