"""Reverse-mode automatic differentiation, of any order: the whole engine.

The idea in one paragraph. A *primitive* is a pure function of arrays together with one rule per array argument: given
the cotangent g = dL/dy of its result, the rule returns the cotangent dL/dx of that argument (a vector-Jacobian
product). Calling a primitive on tensors computes the result and leaves a *node* behind, which remembers the
primitive, where its inputs came from, and just those values that the rules name. `backward` then visits the nodes in
the reverse of the order in which they were made. An input is always older than what is computed from it, so when a
node's turn comes, every user of its result has already sent its share of the gradient: creation order is a
topological order, and no recursion is needed.

An example: z = x * y + x. The forward pass leaves two nodes, `mul` (number 1, edges to x and y) and `add` (number 2,
edges to node 1 and x). The walk gives node 2 the cotangent 1; its rules send 1 to node 1 and 1 to x. Node 1 is next; its
rules send 1 * y to x and 1 * x to y. Nothing is left, x has collected 1 + y and y has collected x: these are added to
x.grad and y.grad. To follow it in the code read `Primitive.__call__` (records), `Node` (what is remembered),
`Node.cotangents` (asks the rules) and `run_backward` (the walk), in this order; the rest is comfort and safety.

Rules are written with operators and primitives. On plain arrays they just compute (first order). On tensors they
record themselves, and so what they return can be differentiated again: `create_graph=True` gives any order.
"""

import itertools
import math
import operator
import os
import sys
import threading
from contextlib import ContextDecorator
from types import MethodType
from typing import Any

import numpy as np

from .backend import fingerprint, is_array, on_host, sum_over, xp_of
from .errors import AnomalyError, DeviceError, GraphError, InputError, MinicnnError

__all__ = [
    "Traced", "Guard", "Node", "Part", "Primitive", "primitive", "no_grad", "enable_grad", "set_grad_enabled",
    "is_grad_enabled", "detect_anomaly", "run_backward", "raw", "sum_to", "broadcast_to", "cast",
]


# ------------------------------------------------------------------------------------------------------- modes

class _Mode(threading.local):
    """What is switched on in this thread."""

    recording = True
    anomaly = False


_mode = _Mode()


class _GradMode(ContextDecorator):
    """A `with` block, or a decorator, inside which recording is on or off."""

    _enabled = True

    def _recreate_cm(self):  # a decorated function gets a fresh block per call, so threads and recursion are safe
        return type(self)()

    def __enter__(self):
        self._before, _mode.recording = _mode.recording, self._enabled
        return self

    def __exit__(self, *exc):
        _mode.recording = self._before


class no_grad(_GradMode):
    """`with no_grad():` or `@no_grad()`: nothing is recorded, results need no gradient, memory is freed at once."""

    _enabled = False


class enable_grad(_GradMode):
    """`with enable_grad():` records again inside a `no_grad` block."""

    _enabled = True


class set_grad_enabled(_GradMode):
    """`set_grad_enabled(False)` switches recording off from now on; as a `with` block, until its end."""

    def __init__(self, enabled):
        self._outside, self._enabled = _mode.recording, bool(enabled)
        _mode.recording = self._enabled

    def _recreate_cm(self):
        return set_grad_enabled(self._enabled)

    def __enter__(self):
        _mode.recording = self._enabled
        return self

    def __exit__(self, *exc):
        _mode.recording = self._outside


def is_grad_enabled():
    """True while operations are recorded in this thread."""
    return _mode.recording


class detect_anomaly(ContextDecorator):
    """`with detect_anomaly():` the first operation that makes a NaN or an Inf raises, forward or backward.

    The error names the operation and the line of your program that called it.
    """

    def _recreate_cm(self):
        return type(self)()

    def __enter__(self):
        self._before, _mode.anomaly = _mode.anomaly, True
        _watching(1)
        return self

    def __exit__(self, *exc):
        _mode.anomaly = self._before
        _watching(-1)


_watched, _watched_lock = 0, threading.Lock()


def _watching(change):
    """Count the threads and blocks that watch for anomalies: while there are none, asking costs next to nothing."""
    global _watched
    with _watched_lock:
        _watched += change


_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def _caller():
    """File and line of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _not_finite(array):
    """'NaN', 'Inf' or '' for what an array holds (integers and booleans hold neither)."""
    if getattr(array, "dtype", None) is None or array.dtype.kind not in "fc":
        return ""
    xp = xp_of(array)
    if bool(xp.isfinite(array).all()):
        return ""
    return "NaN" if bool(xp.isnan(array).any()) else "Inf"


# --------------------------------------------------------------------------------------------- values that trace

class Guard:
    """Counts the writes into one block of memory; every tensor that views the block shares its guard.

    Writes through tensors call `bump`. Raw arrays that were handed out (`tensor.data`) can be written behind our back,
    so from then on the guard compares their checksum whenever a node asks, and counts a change as a write.
    """

    version = 0
    handed_out = None  # None, or {what part of the memory: [array, checksum]}

    def bump(self):
        """The memory was written."""
        self.version += 1
        if self.handed_out is not None:
            for entry in self.handed_out.values():
                entry[1] = fingerprint(entry[0])

    def hand_out(self, array):
        """The raw array goes to the user, who may write into it."""
        checksum = fingerprint(array)
        if checksum is None:
            return
        if self.handed_out is None:
            self.handed_out = {}
        part = array.__array_interface__["data"][0], array.shape, array.strides
        self.handed_out.setdefault(part, [array, checksum])

    def stamp(self):
        """The number of writes so far; equal stamps mean unchanged memory."""
        if self.handed_out is not None:
            for entry in self.handed_out.values():
                checksum = fingerprint(entry[0])
                if checksum != entry[1]:
                    entry[1] = checksum
                    self.version += 1
        return self.version


class Traced:
    """What the engine needs of a tensor; `tensor.Tensor` adds the operators and methods."""

    # Defaults live on the class: an instance stores only what differs, which makes results cheap to make.
    _node = _guard = _grad = _hooks = None
    requires_grad = False
    _sum = staticmethod(operator.add)  # how the walk adds two gradients; ops.elementwise sets its `add`, which uses the pool
    _put: Any = None  # how it places one among zeros; ops.shape sets its `put_add`
    _result = None  # the class of all results, which tensor.py sets to Tensor (a Parameter's results are Tensors too)

    @classmethod
    def _make(cls, data, node=None, guard=None):
        """A tensor around `data`, without copy or checks."""
        self = object.__new__(cls)
        self._data = data
        if node is not None:
            self._node, self.requires_grad = node, True
        if guard is not None:
            self._guard = guard
        return self

    def _watch(self):
        """The guard of this memory, made when it is first needed: most results are never written to."""
        if self._guard is None:
            self._guard = Guard()
            if self._node is not None and self._node.plan.keep_y:
                self._node.y_guard = self._guard
        return self._guard


def raw(x):
    """The array behind a tensor; anything else as it is."""
    return x._data if isinstance(x, Traced) else x


# --------------------------------------------------------------------------------------------------- primitives

class _Rule:
    """A vjp rule and, for each of its parameters, where the engine finds the value."""

    __slots__ = ("function", "sources", "args", "needs_y", "needs_shapes")

    def __init__(self, function, owner):
        code = function.__code__
        self.function, self.args, self.needs_y, self.needs_shapes = function, set(), False, False
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.sources = [self._source(name, owner) for name in names]

    def _source(self, name, owner):
        if name in ("g", "y", "saved", "i", "wanted", "shapes"):
            self.needs_y |= name == "y"
            self.needs_shapes |= name == "shapes"
            return name, None
        if name == owner.varargs:
            self.args = None  # all of them
            return "args", None
        if name in owner.arg_names:
            self.args.add(owner.arg_names.index(name))
            return "arg", owner.arg_names.index(name)
        if name.endswith("_shape") and name[:-6] in owner.arg_names:
            self.needs_shapes = True
            return "shape", owner.arg_names.index(name[:-6])
        if name in owner.keywords:
            return "keyword", name
        raise TypeError(f"{owner.name}: a rule names {name!r}, which is neither g, y nor an argument of {owner.name}")


class _Plan:
    """What a node must keep when the arguments at `wanted` need a gradient; worked out once per combination."""

    __slots__ = ("primitive", "wanted", "rules", "keep", "keep_all", "keep_y", "keep_shapes")

    def __init__(self, primitive, wanted, rules, n):
        self.primitive, self.wanted, self.rules = primitive, wanted, rules
        self.keep = sorted(set().union(*(range(n) if rule.args is None else rule.args for rule in rules)))
        self.keep_all = len(self.keep) == n
        self.keep_y = any(rule.needs_y for rule in rules)
        self.keep_shapes = any(rule.needs_shapes for rule in rules)


class Primitive:
    """A function of arrays (positional) and options (keyword-only), with a vjp rule for each array.

    `defvjp(a=rule, b=rule)` gives one rule per argument; `defvjp_all(rule)` one that returns a tuple for all of them;
    `defvjp_each(rule)` serves functions of any number of arrays (`*xs`), once per array `i`. A rule's parameter names
    say what it needs, and nothing else is kept in memory: `g` the cotangent, `y` the result, argument names,
    `<argument>_shape`, keyword names, `saved`, the name of `*xs` (all arrays), `i`, `shapes` (of all arguments), `wanted`
    (which of them need one).
    """

    keeps_float64 = False  # True: a float64 result is meant, whatever the arguments are

    def __init__(self, function, saves=None, view=False):
        code = function.__code__
        self.function, self.name, self.__doc__ = function, function.__name__, function.__doc__
        self.__name__ = self.__qualname__ = function.__name__
        self.__wrapped__ = function
        self.__module__ = function.__module__
        self.arg_names = code.co_varnames[: code.co_argcount]
        if taken := {"y", "saved", "shapes", "wanted", "i"} & set(self.arg_names):
            raise TypeError(f"{self.name}: {sorted(taken)[0]!r} means something else in rules, call the argument differently")
        self.keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        self.varargs = code.co_varnames[len(self.arg_names) + len(self.keywords)] if code.co_flags & 4 else None
        self.defaults = function.__kwdefaults__ or {}
        self.saves = saves  # None, "values" (recomputed when recording) or "constants" (masks, indices)
        self.view = view  # the result may share memory with the first argument
        self.rules, self.joint, self.each = None, None, None
        self._plans = {}

    def __repr__(self):
        return f"<primitive {self.name}>"

    def __get__(self, instance, owner=None):
        """As a class attribute, a primitive is a method whose first array is the instance."""
        return self if instance is None else MethodType(self, instance)

    def defvjp(self, **rules):
        """One rule per array argument, by name; None for an argument in which the function is locally constant."""
        self.rules = [None] * len(self.arg_names)
        for name, rule in rules.items():
            self.rules[self.arg_names.index(name)] = None if rule is None else _Rule(rule, self)
        return self

    def defvjp_all(self, rule):
        """One rule that returns the cotangents of all arguments (None where not `wanted`)."""
        self.joint = _Rule(rule, self)
        return self

    def defvjp_each(self, rule):
        """One rule for every array of `*xs`; it is called once per array, `i` being its position."""
        self.each = _Rule(rule, self)
        return self

    def _plan(self, mask, n):
        """The plan for a call with n arguments of which those whose bit is set in `mask` require a gradient."""
        wanted = [i for i in range(n) if mask >> i & 1]
        if self.joint or self.each:
            rules = [self.joint or self.each] * len(wanted)
        elif self.rules is None:
            raise GraphError(f"{self.name} has no derivative rule, but an argument requires a gradient")
        else:
            wanted = [i for i in wanted if self.rules[i] is not None]
            rules = [self.rules[i] for i in wanted]
        plan = self._plans[mask | 1 << n] = _Plan(self, wanted, rules, n)
        return plan

    def __call__(self, *args, **kw):
        traced, mask, bit, arrays = None, 0, 1, []
        for a in args:
            if isinstance(a, Traced):
                traced = a
                if a.requires_grad:
                    mask |= bit
                arrays.append(a._data)
            else:
                arrays.append(a)
            bit += bit
        try:
            y = self.function(*arrays, **kw)
        except (ValueError, TypeError, IndexError, AttributeError, ZeroDivisionError) as error:
            if isinstance(error, MinicnnError):
                raise
            raise self._complaint(arrays, error) from error
        if traced is None:
            return y[0] if self.saves else y
        saved = None
        if self.saves:
            y, saved = y
        if y.__class__ is not np.ndarray and not is_array(y):
            y = np.asarray(y)  # NumPy reduces to scalars, which are not arrays
        if y.dtype is _FLOAT64 and not self.keeps_float64:
            y = _narrowed(y, arrays)
        guard = args[0]._watch() if self.view and isinstance(args[0], Traced) else None
        node = None
        if mask and _mode.recording:
            plan = self._plans.get(mask | bit) or self._plan(mask, len(args))  # bit marks the number of arguments
            if plan.wanted:
                node = Node(plan, args, arrays, kw, y, saved, guard)
        out = Traced._result._make(y, node, guard)
        if _watched and _mode.anomaly:
            self._check_finite(y, arrays, node)
        return out

    def _check_finite(self, y, arrays, node):
        where = _caller()
        if node is not None:
            node.where = where
        kind = _not_finite(y)
        if kind and not any(_not_finite(a) for a in arrays if is_array(a)):
            raise AnomalyError(f"{self.name} made the first {kind}, forward, at {where}; its inputs were finite")

    def _complaint(self, arrays, error):
        """The array module's error, told as an InputError that shows every argument."""
        try:
            xp_of(*arrays)
        except DeviceError as mixed:
            return mixed
        names = self.arg_names if len(self.arg_names) == len(arrays) else range(len(arrays))
        shown = ", ".join(f"{n}: {_describe(a)}" for n, a in zip(names, arrays))
        return InputError(self.name, "its arguments", "arrays that fit together", shown, str(error))


_FLOAT64 = np.dtype(np.float64)


def _narrowed(y, arrays):
    """NumPy computes integers with float32, or with a Python float, in float64; the result is float32, as in PyTorch."""
    dtypes = [a.dtype for a in arrays if hasattr(a, "dtype")]
    mixed = _FLOAT64 not in dtypes and any(dtype.kind in "iub" for dtype in dtypes)
    return y.astype(np.float32) if mixed else y


def _describe(a):
    return f"{a.dtype} {tuple(a.shape)}" if hasattr(a, "shape") else repr(a)


def primitive(function=None, *, saves=None, view=False):
    """Make a function of arrays a primitive: `@primitive`, or `@primitive(saves=..., view=True)`.

    saves="values": the function returns (y, saved); first-order rules find `saved`, recording rules find None and
    compute the same from the arguments. saves="constants": `saved` is locally constant (mask, index), always given.
    """
    if function is None:
        return lambda f: Primitive(f, saves, view)
    return Primitive(function, saves, view)


# -------------------------------------------------------------------------------------------------------- nodes

_order = itertools.count()


class Node:
    """One recorded call of a primitive: where its inputs came from (`edges`), and what its rules will need."""

    # what most nodes do not have stays on the class
    kw, args, y, y_guard, saved, shapes, stamp, hooks, where = {}, (), None, None, None, None, 0, None, None

    def __init__(self, plan, args, arrays, kw, y, saved, guard):
        self.plan = plan
        self.edges = [args[i]._node or args[i] for i in plan.wanted]  # the node that made the input, or the leaf itself
        self.shape, self.dtype, self.order = y.shape, y.dtype, next(_order)
        if kw:
            self.kw = kw
        if saved is not None:
            self.saved = saved
        if plan.keep_shapes:
            self.shapes = [getattr(a, "shape", ()) for a in arrays]
        if plan.keep_y:
            self.y, self.y_guard = y, guard
        if plan.keep:
            if not plan.keep_all:
                args = tuple([a if i in plan.keep else None for i, a in enumerate(args)])
            self.args = args
            for a in args:
                if isinstance(a, Traced):
                    if a._guard is not None:
                        self.stamp += a._guard.stamp()
                elif is_array(a):  # it could be written to unnoticed: keep our own copy
                    self.args = tuple([a.copy() if is_array(a) else a for a in args])
        if guard is not None and plan.keep_y:
            self.stamp += guard.stamp()

    def count_writes(self):
        """How often the kept arguments and result have been written to. Counts only grow, so their sum will do."""
        total = 0 if self.y_guard is None else self.y_guard.stamp()
        for a in self.args:
            if isinstance(a, Traced) and a._guard is not None:
                total += a._guard.stamp()
        return total

    @property
    def primitive(self):
        """What was called."""
        return self.plan.primitive

    @property
    def name(self):
        """Name of the primitive."""
        return self.plan.primitive.name

    @property
    def next_functions(self):
        """The nodes (or leaf tensors) that the inputs came from."""
        return tuple(self.edges or ())

    def __repr__(self):
        return f"<{self.name} node>"

    def release(self):
        """Forget everything; a later backward through this node raises."""
        self.edges, self.args, self.y, self.y_guard, self.saved = None, (), None, None, None

    def check(self):
        """Raise if the node was freed, or if a value that its rules need has been overwritten."""
        where = f" (recorded at {self.where})" if self.where else ""
        if self.edges is None:
            raise GraphError(
                f"{self.name}{where}: this part of the graph was freed by an earlier backward. Pass retain_graph=True to "
                "the earlier one, or compute the result again"
            )
        if self.count_writes() != self.stamp:
            raise GraphError(
                f"{self.name}{where}: an argument or the result of {self.name} was changed in place after it was computed, "
                "and the gradient needs the old value. Change a copy (x = x.clone()), or make the change after backward(). "
                "Under detect_anomaly() this message shows the line"
            )

    def call(self, rule, g, i, recording):
        """What `rule` returns for cotangent `g`: arrays in, arrays out, or tensors in, tensors out."""
        values = []
        for kind, key in rule.sources:
            if kind == "g":
                values.append(g)
            elif kind == "arg":
                a = self.args[key]
                values.append(a._data if not recording and isinstance(a, Traced) else a)
            elif kind == "y":
                values.append(Traced._result._make(self.y, self, self.y_guard) if recording else self.y)
            elif kind == "keyword":
                values.append(self.kw[key] if key in self.kw else self.primitive.defaults[key])
            elif kind == "shape":
                values.append(self.shapes[key])
            elif kind == "saved":
                values.append(None if recording and self.primitive.saves == "values" else self.saved)
            elif kind == "args":
                values.append([a if recording else raw(a) for a in self.args])
            elif kind == "i":
                values.append(i)
            elif kind == "shapes":
                values.append(self.shapes)
            else:  # wanted
                n = self.primitive.varargs and len(self.args) or len(self.primitive.arg_names)
                values.append([j in self.plan.wanted for j in range(n)])
        return rule.function(*values)

    def cotangents(self, g, recording, needed):
        """The (edge, cotangent) pairs of the inputs that are needed, with broadcasting undone."""
        pairs, plan, joint = [], self.plan, None
        if self.primitive.joint:
            joint = self.call(plan.rules[0], g, None, recording)
        for i, rule, edge in zip(plan.wanted, plan.rules, self.edges):
            if needed is not None and id(edge) not in needed:
                continue
            c = joint[i] if joint else self.call(rule, g, i, recording)
            if c is None:
                continue
            if c.shape != edge.shape:
                c = sum_to(c, shape=edge.shape)
            if _watched and _mode.anomaly:
                self._check_finite(c.value if c.__class__ is Part else c, g)
            pairs.append((edge, c))
        return pairs

    def _check_finite(self, c, g):
        kind = _not_finite(raw(c))
        if kind and not _not_finite(raw(g)):
            where = self.where or "an unknown line"
            raise AnomalyError(f"{self.name} made the first {kind}, backward; it was recorded at {where}")


# ------------------------------------------------------------------------------------------------- the walk back

class Part:
    """A cotangent that is zero but for `value` at a basic index: what slicing sends back.

    The walk adds it into what has arrived already, so that t slices of an array cost one array of zeros and not t.
    """

    __slots__ = ("shape", "index", "value")

    def __init__(self, value, index, shape):
        self.value, self.index, self.shape = value, index, shape

    def whole(self):
        """The array, newly made."""
        return Traced._put(self.value, index=self.index, shape=self.shape)


def _graph(vertices):
    """All nodes that the vertices were computed from, newest first; leaves are left out."""
    seen, stack = {}, list(vertices)
    while stack:
        vertex = stack.pop()
        if isinstance(vertex, Node) and id(vertex) not in seen:
            seen[id(vertex)] = vertex
            if vertex.edges is None:
                vertex.check()
            stack.extend(vertex.edges)
    return sorted(seen.values(), key=lambda node: node.order, reverse=True)


def _leading_to(nodes, targets):
    """Ids of the vertices that depend on a target: only through these need the walk go."""
    needed = {id(target) for target in targets}
    for node in reversed(nodes):  # oldest first
        if any(id(edge) in needed for edge in node.edges):
            needed.add(id(node))
    return needed


def _through_hooks(hooks, g):
    """Run the hooks on a gradient; each sees a tensor and may return another one."""
    if not hooks:
        return g
    boxed = g if isinstance(g, Traced) else Traced._result._make(g)
    for hook in list(hooks.values()):
        answer = hook(boxed)
        boxed = boxed if answer is None else answer
    return boxed if isinstance(g, Traced) else raw(boxed)


def run_backward(outputs, cotangents, targets=None, retain_graph=False, create_graph=False):
    """The walk: gradients of sum <output, cotangent> by every leaf (as (leaf, gradient) pairs) or by each target.

    `cotangents` are arrays, or tensors under create_graph. With targets: a list of gradients, None where a target
    was not reached. Interior gradients are added up in `pending` and dropped as their node is done.
    """
    vertices = [t._node or t for t in outputs]
    nodes = _graph(vertices)
    goals = None if targets is None else {id(t._node or t): t for t in targets}
    needed = None if targets is None else _leading_to(nodes, [t._node or t for t in targets])
    pending, owned, leaves, found = {}, set(), {}, {}

    def send(vertex, g):
        """Add g to what has arrived for a vertex so far."""
        key = id(vertex)
        if not isinstance(vertex, Node):
            leaves[key] = vertex
        if g.__class__ is Part:
            if key in owned:
                pending[key][g.index] += g.value
                return
            g = g.whole()
            if key not in pending:
                owned.add(key)
        if key not in pending:
            pending[key] = g
        elif key in owned and not create_graph:
            pending[key] += g  # our own sum of two others: nobody else holds it
        else:
            pending[key] = Traced._sum(pending[key], g)
            owned.add(key)

    with enable_grad() if create_graph else no_grad():
        for vertex, g in zip(vertices, cotangents):
            send(vertex, g)
        for node in nodes:  # newest first: all that used its result have sent their share
            g = pending.pop(id(node), None)
            owned.discard(id(node))
            if g is None or (needed is not None and id(node) not in needed):
                continue
            if g.dtype != node.dtype:
                g = cast(g, dtype=node.dtype)
            g = _through_hooks(node.hooks, g)
            if goals is not None and id(node) in goals:
                found[id(node)] = g
            node.check()
            for edge, c in node.cotangents(g, create_graph, needed):
                send(edge, c)
            if not (retain_graph or create_graph):
                node.release()
        for key, leaf in leaves.items():  # what arrived at tensors that no operation made
            g = pending.pop(key)
            if g.dtype != leaf._data.dtype:
                g = cast(g, dtype=leaf._data.dtype)
            found[key] = _through_hooks(leaf._hooks, g)
    if targets is None:
        return [(leaf, found[key]) for key, leaf in leaves.items()]
    return [found.get(id(t._node or t)) for t in targets]


# ------------------------------------------------------------ the three primitives that the walk itself depends on

_BLAS_SUM = 1 << 12  # numbers from which on a sum is worth a call of BLAS


@primitive
def sum_to(x, *, shape):
    """Sum x over the axes that broadcasting added or stretched, so that it has `shape`; the adjoint of broadcast_to."""
    extra = x.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        i for i, n in enumerate(shape, start=extra) if n == 1 and x.shape[i] != 1
    )
    leading = axes and axes == tuple(range(len(axes)))
    if leading and x.size >= _BLAS_SUM and on_host(x) and x.flags.c_contiguous and x.dtype.kind == "f":
        rows = x.reshape(math.prod(x.shape[: len(axes)]), -1)  # sums down columns are ones' x, which BLAS does several times faster
        return (np.ones(rows.shape[0], x.dtype) @ rows).reshape(shape)
    return sum_over(x, axes, keepdims=True).reshape(shape) if axes else x.reshape(shape)


@primitive(view=True)
def broadcast_to(x, *, shape):
    """x repeated along new or size-1 axes to `shape`, as a read-only view; the adjoint of sum_to."""
    return xp_of(x).broadcast_to(x, shape)


@primitive
def cast(x, *, dtype):
    """x in another dtype."""
    return x.astype(dtype)


sum_to.defvjp(x=lambda g, x_shape: broadcast_to(g, shape=x_shape))
broadcast_to.defvjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))
cast.keeps_float64 = True
cast.defvjp(x=lambda g: g)  # the walk casts a cotangent to its node's dtype
