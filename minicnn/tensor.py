"""class Tensor: an array that remembers how it was computed. Operators and methods, one line each into ops.

Names, arguments and defaults are PyTorch's (`dim`, `keepdim`, unbiased `var`). Two things differ, and say so: a
tensor built from an array copies it, and writing into a tensor that is part of a graph is an error.
"""

import sys
import weakref

import numpy as np

from . import backend
from .autograd import Traced, cast, is_grad_enabled, raw, run_backward
from .backend import is_array, on_host, xp_of
from .errors import AnomalyError, GraphError, InputError
from .kernels import buffers
from .ops import arrange as F
from .ops import elementwise as E
from .ops import linalg as L
from .ops import reduce as R
from .ops import shape as S
from .ops.checks import describe

__all__ = ["Tensor", "tensor", "as_tensor", "from_numpy", "as_dtype"]

_hook_ids = iter(range(sys.maxsize))


class RemovableHandle:
    """What register_hook returns: `remove()` takes the hook off again."""

    def __init__(self, hooks, key):
        self._hooks, self._key = hooks, key

    def remove(self):
        self._hooks.pop(self._key, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def add_hook(hooks, hook):
    """Put a hook into a dict of hooks and return its handle."""
    key = next(_hook_ids)
    hooks[key] = hook
    return RemovableHandle(hooks, key)


_PLAIN = frozenset((int, float, bool))


def _operand(other):
    """What may stand beside a tensor: a tensor, an array, a number. NumPy scalars count as plain numbers."""
    if isinstance(other, np.generic):
        return other.item()
    return other if isinstance(other, (Traced, int, float)) or is_array(other) else NotImplemented


def _operator(op, swapped=False):
    """The method of a binary operator."""

    def method(self, other):
        if other.__class__ not in _PLAIN and other.__class__ is not Tensor:
            other = _operand(other)
            if other is NotImplemented:
                return other
        return op(other, self) if swapped else op(self, other)

    return method


def _raw_index(index, xp):
    """An index whose tensors and lists are arrays of their own, which nobody can change later."""
    if isinstance(index, tuple):
        return tuple(_raw_index(part, xp) for part in index)
    if isinstance(index, list):
        return xp.asarray(np.asarray(index, dtype=None if index else np.int64))
    index = raw(index)
    return index.copy() if is_array(index) else index


def as_dtype(function, dtype):
    """Anything that names a dtype that minicnn computes with ('float32', np.int64, float), as a NumPy dtype."""
    try:
        return _known(function, "dtype", np.dtype(dtype))
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(function, "dtype", "a NumPy dtype such as np.float32", repr(dtype)) from error


def _known(function, argument, kind):
    """A dtype, if it is one that minicnn computes with."""
    if kind.kind not in "fiub" or kind.itemsize > 8 or kind == np.float16:
        hint = "Convert it first: minicnn computes in float32 and float64" if kind.kind in "fV" else ""
        raise InputError(function, argument, "numbers: float32, float64, integers or booleans", f"dtype {kind}", hint)
    return kind


def _checked_array(data, dtype, copy):
    """An array of a dtype that minicnn computes with; Python floats become float32, as in PyTorch."""
    if isinstance(data, Tensor):
        data = data._data
    array = data if is_array(data) else np.asarray(data)
    if dtype is None and array is not data and array.dtype == np.float64 and not isinstance(data, np.generic):
        dtype = np.float32
    kind = _known("Tensor", "data", array.dtype) if dtype is None else as_dtype("Tensor", dtype)
    if copy or array.dtype != kind:
        return xp_of(array).array(array, dtype=kind)  # own memory: nobody can write into it behind our back
    return array


class Tensor(Traced):
    """An n-dimensional array with a gradient.

    `Tensor(data, requires_grad=False)` copies `data` (an array, nested lists or a number). Arithmetic, indexing and
    methods return new tensors; `backward()` fills `.grad` of the leaves that require it.
    """

    __array_ufunc__ = None  # array * tensor comes to Tensor.__rmul__, not to NumPy
    __hash__ = object.__hash__

    def __init__(self, data, requires_grad=False, dtype=None):
        self._data = _checked_array(data, dtype, copy=True)
        if requires_grad is not False:
            self.requires_grad_(requires_grad)

    # ------------------------------------------------------------------------------------------ what it is

    @property
    def data(self):
        """The raw array (NumPy or CuPy). Writing into it is noticed: backward refuses if it needed the old values."""
        self._watch().hand_out(self._data)
        return self._data

    @data.setter
    def data(self, value):
        array = _checked_array(value, None, copy=False)
        if array is not self._data:
            self._data = array
        self._watch().bump()

    @property
    def grad(self):
        """The gradient that backward() accumulated here, a Tensor, or None."""
        return self._grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            if value.shape != self.shape:
                raise InputError("Tensor.grad", "the new gradient", f"of shape {self.shape}", f"shape {value.shape}")
        self._grad = value

    shape = property(lambda self: self._data.shape, doc="Lengths of the axes, a tuple.")
    dtype = property(lambda self: self._data.dtype, doc="Type of the entries, a NumPy dtype.")
    ndim = property(lambda self: self._data.ndim, doc="Number of axes.")
    device = property(lambda self: backend.device_of(self._data), doc="'cpu', 'cuda:0', ...")
    is_leaf = property(lambda self: self._node is None, doc="True if no recorded operation made it.")
    grad_fn = property(lambda self: self._node, doc="The node that made it, or None for a leaf.")
    T = property(lambda self: self.transpose(0, 1) if self.ndim == 2 else self.permute(*range(self.ndim)[::-1]),
                 doc="Axes in reverse order.")
    mT = property(lambda self: L.swap_last(self), doc="The last two axes exchanged.")

    def size(self, dim=None):
        """The shape, or the length of one axis."""
        if dim is not None and self.ndim == 0:
            raise InputError("size", "dim", "left out for a scalar", dim)
        return self.shape if dim is None else self.shape[F.axis_of("size", dim, self.ndim)]

    def dim(self):
        """Number of axes."""
        return self._data.ndim

    def numel(self):
        """Number of entries."""
        return int(self._data.size)

    def item(self):
        """The only entry, as a Python number."""
        if self._data.size != 1:
            raise InputError("Tensor.item", "the tensor", "of exactly one entry", f"shape {self.shape}")
        return self._data.item()

    def tolist(self):
        """Nested lists of Python numbers."""
        return backend.to_numpy(self._data).tolist()

    def numpy(self):
        """The array itself, on the host. A tensor that requires a gradient must be detached first, as in PyTorch."""
        if self.requires_grad and is_grad_enabled():
            raise GraphError("Tensor.numpy: this tensor requires a gradient; write x.detach().numpy()")
        if self.device != "cpu":
            raise InputError("Tensor.numpy", "the tensor", "on the CPU", self.device, "Write x.cpu().numpy()")
        return self.data

    def __len__(self):
        if self.ndim == 0:
            raise InputError("len", "the tensor", "of at least one dimension", "a scalar")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        if self._data.size != 1:
            raise InputError("bool", "the tensor", "of one entry", f"shape {self.shape}", "Use .any() or .all()")
        return bool(self._data)

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        if self._data.dtype.kind not in "iu":
            raise InputError("index", "the tensor", "an integer", str(self.dtype))
        return int(self.item())

    def __repr__(self):
        body = np.array2string(backend.to_numpy(self._data), precision=4, separator=", ", prefix="tensor(")
        notes = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        notes += "" if self.device == "cpu" else f", device='{self.device}'"
        if self._node is not None:
            notes += f", grad_fn={self._node}"
        elif self.requires_grad:
            notes += ", requires_grad=True"
        return f"tensor({body}{notes})"

    def __reduce_ex__(self, protocol):
        raise GraphError("tensors are not pickled; save arrays (x.numpy()), or a module's state_dict()")

    def __deepcopy__(self, memo):
        if self._node is not None:
            raise GraphError("deepcopy: only leaf tensors can be copied; detach() first")
        twin = type(self)._make(self._data.copy())
        twin.requires_grad = self.requires_grad
        return memo.setdefault(id(self), twin)

    # ---------------------------------------------------------------------------------------- the graph

    def requires_grad_(self, requires_grad=True):
        """Ask for a gradient (or no longer); only floating-point leaves can have one. Returns self."""
        if not isinstance(requires_grad, (bool, np.bool_)):
            raise InputError("requires_grad_", "requires_grad", "True or False", describe(requires_grad))
        if requires_grad and self._data.dtype.kind != "f":
            raise InputError("requires_grad_", "the tensor", "floating-point", f"dtype {self.dtype}",
                             "Convert it with .float()")
        if not requires_grad and self._node is not None:
            raise GraphError("requires_grad_(False): this tensor was computed from others; use detach()")
        self.requires_grad = bool(requires_grad)
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Add d<self, gradient>/d(leaf) to the `.grad` of every leaf (or of each of `inputs`) that self depends on.

        gradient: a tensor of self's shape; may be left out for a scalar (then 1). retain_graph: keep the graph for
        another backward (default: only if create_graph). create_graph: record the walk, so that `.grad` can be
        differentiated itself. Raises GraphError if nothing was recorded, or a needed value was changed in place.
        """
        seed = seed_cotangent("backward", self, gradient, create_graph)
        retain = create_graph if retain_graph is None else retain_graph
        targets = None if inputs is None else [inputs] if isinstance(inputs, Tensor) else list(inputs)
        found = run_backward([self], [seed], targets, retain, create_graph)
        for leaf, g in found if targets is None else zip(targets, found):
            if g is not None:
                shared = sys.getrefcount(g) > _HELD_BY_WALK
                leaf._accumulate(g, shared)
            g = None

    def _accumulate(self, g, shared):
        """self.grad += g; an array that someone else holds too, or a view into one, is copied first."""
        if isinstance(g, Traced):
            self._grad = g if self._grad is None else self._grad + g
            return
        if self._grad is None:
            g = xp_of(g).asarray(g)
            own = g if not shared and (g.base is None or buffers.sole(g)) else g.copy()
            self._grad = Tensor._make(own)
        else:
            self._grad = Tensor._make(self._grad._data + g)

    def detach(self):
        """The same memory, outside the graph."""
        return Tensor._make(self._data, None, self._watch())

    def _clear_grad(self, set_to_none):
        """Forget the gradient, or fill it with zeros."""
        g = self._grad
        if set_to_none or g is None:
            self._grad = None
            return
        if g._node is not None:  # made under create_graph: cut it off its graph
            g = self._grad = Tensor._make(g._data.copy())
        g._data.fill(0)
        g._watch().bump()

    def retain_grad(self):
        """Keep the gradient of this interior tensor in `.grad` too."""
        if self._node is None:
            return
        me = weakref.ref(self)

        def keep(g):
            tensor = me()
            if tensor is not None:
                tensor._accumulate(g if g.requires_grad else g._data, shared=True)

        self.register_hook(keep)

    def register_hook(self, hook):
        """Call hook(gradient) when this tensor's gradient is known; what it returns (if not None) replaces it."""
        if not self.requires_grad:
            raise GraphError("register_hook: this tensor does not require a gradient")
        if not callable(hook):
            raise InputError("register_hook", "hook", "a function of the gradient", type(hook).__name__)
        owner = self if self._node is None else self._node
        name = "_hooks" if self._node is None else "hooks"
        if getattr(owner, name) is None:
            setattr(owner, name, {})
        return add_hook(getattr(owner, name), hook)

    # ------------------------------------------------------------------------------------- device, dtype

    def to(self, *args, dtype=None, device=None):
        """This tensor on another device or in another dtype: to('cuda'), to(np.float64), to(other)."""
        for a in args:
            if isinstance(a, Tensor):
                device, dtype = a.device, a.dtype
            elif isinstance(a, str) and not hasattr(np, a):
                device = a
            else:
                dtype = a
        result, dtype = self, None if dtype is None else as_dtype("Tensor.to", dtype)
        if device is not None and device != self.device:
            result = S.move(result, device=device, source=self.device)
        if dtype is not None and dtype != self.dtype:
            if self.requires_grad and dtype.kind != "f":
                result = result.detach()
            result = cast(result, dtype=dtype)
        return result

    def cpu(self):
        """This tensor on the host."""
        return self.to("cpu")

    def cuda(self):
        """This tensor on the first GPU."""
        return self.to("cuda")

    def float(self):
        """In float32."""
        return self.to(np.float32)

    def double(self):
        """In float64."""
        return self.to(np.float64)

    def long(self):
        """In int64."""
        return self.to(np.int64)

    def int(self):
        """In int32."""
        return self.to(np.int32)

    def bool(self):
        """As booleans."""
        return self.to(np.bool_)

    def type_as(self, other):
        """In the dtype and on the device of another tensor."""
        return self.to(other)

    def clone(self):
        """A copy with memory of its own; gradients flow through."""
        return S.copy(self)

    def contiguous(self):
        """The same tensor: minicnn's kernels take any memory layout."""
        return self

    def element_size(self):
        """Bytes of one entry."""
        return self._data.dtype.itemsize

    # ------------------------------------------------------------------------------------ in-place changes

    def _writable(self, what):
        if self._node is not None and is_grad_enabled():
            raise GraphError(f"{what}: this tensor was computed by {self._node.name} and is part of a graph; "
                             "write into a clone(), or build the result with where() or cat()")
        if self.requires_grad and is_grad_enabled():
            raise GraphError(f"{what}: this leaf requires a gradient; change it inside `with minicnn.no_grad():`")
        return self._data

    def __setitem__(self, index, value):
        data = self._writable("item assignment")
        if isinstance(value, Tensor) and value.requires_grad and is_grad_enabled():
            raise GraphError("item assignment: the value requires a gradient, which an in-place write would lose; "
                             "build the result with where() or cat()")
        data[_raw_index(index, xp_of(data))] = raw(value)
        self._watch().bump()

    def _in_place(self, what, given, value):
        """Overwrite all entries with value(given), `given` being the other operand."""
        data = self._writable(what)
        try:
            data[...] = value(raw(given))
        except (ValueError, TypeError) as error:
            fitting = f"a number, or of a shape that fits {self.shape}"
            raise InputError(what, "the other operand", fitting, describe(given)) from error
        self._watch().bump()
        return self

    def copy_(self, other):
        """Overwrite all entries with another tensor's or array's (broadcast)."""
        return self._in_place("copy_", other, lambda u: u)

    def fill_(self, value):
        """Overwrite all entries with one number."""
        return self._in_place("fill_", value, lambda u: u)

    def zero_(self):
        """Overwrite all entries with 0."""
        return self._in_place("zero_", 0, lambda u: u)

    def add_(self, other, alpha=1):
        """self += alpha * other, in place."""
        return self._in_place("add_", other, lambda u: self._data + alpha * u)

    def sub_(self, other, alpha=1):
        """self -= alpha * other, in place."""
        return self._in_place("sub_", other, lambda u: self._data - alpha * u)

    def mul_(self, other):
        """self *= other, in place."""
        return self._in_place("mul_", other, lambda u: self._data * u)

    def div_(self, other):
        """self /= other, in place."""
        return self._in_place("div_", other, lambda u: self._data / u)

    def clamp_(self, min=None, max=None):
        """Clamp the entries, in place."""
        return self._in_place("clamp_", self, lambda u: E.clamp(u, min=min, max=max))

    # --------------------------------------------------------------------------------------------- operators

    __add__ = __radd__ = _operator(E.add)
    __sub__, __rsub__ = _operator(E.sub), _operator(E.sub, swapped=True)
    __mul__ = __rmul__ = _operator(E.mul)
    __truediv__, __rtruediv__ = _operator(E.div), _operator(E.div, swapped=True)
    __pow__, __rpow__ = _operator(E.pow), _operator(E.pow, swapped=True)
    __matmul__, __rmatmul__ = _operator(L.matmul), _operator(L.matmul, swapped=True)
    __eq__, __ne__ = _operator(E.eq), _operator(E.ne)
    __lt__, __le__, __gt__, __ge__ = _operator(E.lt), _operator(E.le), _operator(E.gt), _operator(E.ge)
    __and__ = __rand__ = _operator(E.logical_and)
    __or__ = __ror__ = _operator(E.logical_or)
    __neg__, __abs__, __invert__ = E.neg, E.abs, E.logical_not

    def __getitem__(self, index):
        return S.getitem(self, index=_raw_index(index, xp_of(self._data)))

    # -------------------------------------------------- element-wise: primitives are methods as they stand

    add, sub, mul, div, pow, neg, abs = __add__, __sub__, __mul__, __truediv__, __pow__, E.neg, E.abs
    exp, expm1, log, log1p, log2, sqrt, rsqrt = E.exp, E.expm1, E.log, E.log1p, E.log2, E.sqrt, E.rsqrt
    sin, cos, tan, tanh, sigmoid, erf, square = E.sin, E.cos, E.tan, E.tanh, E.sigmoid, E.erf, E.square
    reciprocal, sign, floor, ceil, relu = E.reciprocal, E.sign, E.floor, E.ceil, E.relu
    isnan, isinf, isfinite, logical_not = E.isnan, E.isinf, E.isfinite, E.logical_not
    maximum, minimum = _operator(E.maximum), _operator(E.minimum)
    eq, ne, lt, le, gt, ge = __eq__, __ne__, __lt__, __le__, __gt__, __ge__

    def round(self, decimals=0):
        """The nearest integer, halves to even."""
        return E.round(self, decimals=decimals)

    def clamp(self, min=None, max=None):
        """Entries below min become min, above max become max."""
        return F.clamp(self, min, max)

    clip = clamp

    def where(self, condition, other):
        """self where the condition holds, other elsewhere."""
        return E.where(condition, self, other)

    def masked_fill(self, mask, value):
        """`value` where the mask is true, self elsewhere."""
        return E.where(mask, value, self)

    # ----------------------------------------------------------------------------------------- reductions

    def sum(self, dim=None, keepdim=False):
        """Sum over one, several or all axes."""
        return R.sum(self, axis=dim, keepdims=keepdim)

    def mean(self, dim=None, keepdim=False):
        """Mean over one, several or all axes."""
        return F.mean(self, dim, keepdim)

    def var(self, dim=None, correction=1, keepdim=False, *, unbiased=None):
        """Variance; unbiased by default (correction=1), unlike NumPy's. unbiased=False is PyTorch's old correction=0."""
        return R.var(self, axis=dim, correction=correction if unbiased is None else int(unbiased), keepdims=keepdim)

    def std(self, dim=None, correction=1, keepdim=False, *, unbiased=None):
        """Standard deviation; unbiased variance by default."""
        return R.std(self, axis=dim, correction=correction if unbiased is None else int(unbiased), keepdims=keepdim)

    def prod(self, dim=None, keepdim=False):
        """Product over one, several or all axes."""
        return R.prod(self, axis=dim, keepdims=keepdim)

    def norm(self, p=2.0, dim=None, keepdim=False):
        """p-norm of the entries."""
        return R.norm(self, p=p, axis=dim, keepdims=keepdim)

    def max(self, dim=None, keepdim=False):
        """Largest entry; with dim (values, indices), the first of equals."""
        return F.max(self, dim, keepdim)

    def min(self, dim=None, keepdim=False):
        """Smallest entry; with dim (values, indices), the first of equals."""
        return F.min(self, dim, keepdim)

    def amax(self, dim=None, keepdim=False):
        """Largest entry over one or several axes; equals share the gradient."""
        return R.amax(self, axis=dim, keepdims=keepdim)

    def amin(self, dim=None, keepdim=False):
        """Smallest entry over one or several axes; equals share the gradient."""
        return R.amin(self, axis=dim, keepdims=keepdim)

    def argmax(self, dim=None, keepdim=False):
        """Index of the first largest entry."""
        return R.argmax(self, axis=dim, keepdims=keepdim)

    def argmin(self, dim=None, keepdim=False):
        """Index of the first smallest entry."""
        return R.argmin(self, axis=dim, keepdims=keepdim)

    def any(self, dim=None, keepdim=False):
        """True where any entry is true."""
        return R.any(self, axis=dim, keepdims=keepdim)

    def all(self, dim=None, keepdim=False):
        """True where all entries are true."""
        return R.all(self, axis=dim, keepdims=keepdim)

    def cumsum(self, dim):
        """Running sums along an axis."""
        return R.cumsum(self, axis=dim)

    def logsumexp(self, dim, keepdim=False):
        """ln of the sum of exponentials."""
        return R.logsumexp(self, axis=dim, keepdims=keepdim)

    def softmax(self, dim):
        """Exponentials divided by their sum."""
        return R.softmax(self, axis=dim)

    def log_softmax(self, dim):
        """Logarithm of softmax."""
        return R.log_softmax(self, axis=dim)

    def sort(self, dim=-1, descending=False):
        """(values, indices) in order along an axis; stable."""
        return F.sort(self, dim, descending)

    def argsort(self, dim=-1, descending=False):
        """Indices that put an axis in order."""
        return F.sort(self, dim, descending)[1]

    def topk(self, k, dim=-1, largest=True):
        """(values, indices) of the k largest (or smallest) along an axis, in order."""
        return F.topk(self, k, dim, largest)

    # ---------------------------------------------------------------------------------------------- shape

    def reshape(self, *shape):
        """The same entries in another shape."""
        return F.reshape(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    view = reshape

    def flatten(self, start_dim=0, end_dim=-1):
        """Axes start_dim to end_dim as one."""
        return F.flatten(self, start_dim, end_dim)

    def permute(self, *dims):
        """Axes in a new order."""
        return F.permute(self, dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims)

    def transpose(self, dim0, dim1):
        """Two axes exchanged."""
        return F.transpose(self, dim0, dim1)

    def t(self):
        """Rows and columns of a matrix exchanged."""
        return self if self.ndim < 2 else F.transpose(self, 0, 1)

    def unsqueeze(self, dim):
        """A new axis of length 1."""
        return F.unsqueeze(self, dim)

    def squeeze(self, dim=None):
        """Without axes of length 1 (all, or the named ones)."""
        return F.squeeze(self, dim)

    def expand(self, *shape):
        """Axes of length 1 stretched; -1 keeps a length."""
        return F.expand(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    def expand_as(self, other):
        """Stretched to another tensor's shape."""
        return F.expand(self, getattr(other, "shape", other))

    def repeat(self, *sizes):
        """Copies side by side along each axis."""
        return F.repeat(self, sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)

    def flip(self, *dims):
        """Entries in reverse order along the axes."""
        return F.flip(self, dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims)

    def roll(self, shifts, dims=None):
        """Entries moved on, round the end to the start."""
        return F.roll(self, shifts, dims)

    def split(self, split_size, dim=0):
        """Pieces of a size, or of the sizes in a list."""
        return F.split(self, split_size, dim)

    def chunk(self, chunks, dim=0):
        """At most `chunks` pieces of equal size."""
        return F.chunk(self, chunks, dim)

    def unbind(self, dim=0):
        """Slices along an axis, as a tuple."""
        return F.unbind(self, dim)

    def gather(self, dim, index):
        """Entries picked along an axis by an index tensor."""
        return F.gather(self, dim, index)

    def index_select(self, dim, index):
        """Slices picked along an axis by a vector of integers."""
        return F.index_select(self, dim, index)

    def matmul(self, other):
        """Matrix product."""
        return L.matmul(self, other)

    mm = bmm = matmul

    def dot(self, other):
        """Inner product of two vectors."""
        if self.ndim != 1 or getattr(other, "shape", None) != self.shape:
            raise InputError("dot", "other", "a vector as long as this one", f"{self.shape} and {describe(other)}")
        return (self * other).sum()


Traced._result = Tensor


def tensor(data, dtype=None, requires_grad=False, device=None):
    """A new tensor with a copy of `data`: nested lists, a number or an array. Python floats become float32."""
    result = Tensor(data, dtype=dtype)
    if device is not None:
        result = result.to(device)
    return result.requires_grad_() if requires_grad else result


def as_tensor(data, dtype=None):
    """`data` as a tensor, sharing an array's memory where it can. Later writes into the array are noticed."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    result = Tensor._make(_checked_array(data, dtype, copy=False))
    if result._data is data:
        result._watch().hand_out(data)
    return result


def _held_by_walk():
    """What getrefcount says in `backward` of a gradient that nobody else holds."""
    found = [(None, object())]
    for _, g in found:
        count = sys.getrefcount(g)
    return count


_HELD_BY_WALK = _held_by_walk()


def from_numpy(array):
    """A tensor that shares the array's memory."""
    if not is_array(array):
        raise InputError("from_numpy", "array", "a NumPy array", type(array).__name__)
    return as_tensor(array)


def seed_cotangent(function, output, gradient, create_graph):
    """The cotangent that starts a walk at `output`: the given one, checked, or 1 for a scalar."""
    if not isinstance(output, Tensor) or not output.requires_grad:
        raise GraphError(f"{function}: nothing was recorded for this result: no input requires a gradient, or it was "
                         "computed under no_grad() or from a detached tensor")
    data = output._data
    if gradient is None:
        if data.size != 1:
            raise InputError(function, "gradient", "given for a result that is not a scalar", f"shape {data.shape}",
                             "Reduce to a scalar first, for example with .sum(), or pass gradient=")
        if on_host(data) and np.isnan(data).any():  # on a GPU the question would make the host wait
            raise AnomalyError(f"{function}: the loss is nan, and so would be every gradient. Run the step under "
                               "minicnn.detect_anomaly() to find the first operation that made it; common causes are a "
                               "learning rate that is too high and a log or division at 0")
        gradient = xp_of(data).ones(data.shape, dtype=data.dtype)
    if raw(gradient).shape != data.shape:
        raise InputError(function, "gradient", f"of the result's shape {data.shape}", f"shape {raw(gradient).shape}")
    xp_of(data, raw(gradient))
    if create_graph:
        return gradient if isinstance(gradient, Tensor) else Tensor._make(gradient)
    return raw(gradient)
