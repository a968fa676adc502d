"""Module: a function with parameters, buffers and modules of its own, found by assigning them as attributes."""

import copy
import itertools

import numpy as np

from ..autograd import primitive, raw
from ..errors import InputError
from ..ops.shape import concatenate
from ..tensor import Tensor, add_hook
from .parameter import Parameter

__all__ = ["Module"]


@primitive
def _mark(x):
    """The same tensor with a node of its own, so that a hook sees the gradient at exactly this place."""
    return x.view()


_mark.defvjp(x=lambda g: g)


def _parts(vector, like):
    """The pieces of a vector in the shapes of the tensors that were laid end to end in it."""
    sizes = [t.numel() for t in like]
    return [part.reshape(t.shape) for part, t in zip(vector.split(sizes), like)]


class Module:
    """Base class of layers and models: assign parameters and modules in __init__, write `forward`.

    Calling a module runs its forward pre-hooks, forward, and its forward hooks. Names, keys of the state_dict and
    defaults are PyTorch's.
    """

    training = True

    def __init__(self):
        for name in ("_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks", "_backward_hooks"):
            object.__setattr__(self, name, {})
        object.__setattr__(self, "_transient", set())

    def forward(self, *args, **kwargs):
        """What the module computes; a subclass writes it."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *args, **kwargs):
        if not self._has_hooks():
            return self.forward(*args, **kwargs)
        for hook in list(self._forward_pre_hooks.values()):
            answer = hook(self, args)
            if answer is not None:
                args = answer if isinstance(answer, tuple) else (answer,)
        result = self._with_backward_hooks(args, kwargs) if self._backward_hooks else self.forward(*args, **kwargs)
        for hook in list(self._forward_hooks.values()):
            answer = hook(self, args, result)
            result = result if answer is None else answer
        return result

    def _with_backward_hooks(self, args, kwargs):
        """forward between two places that hooks watch; once both gradients are known, (module, grad_input, grad_output).

        All inputs that need a gradient go through one vector, so that their gradients are known at one moment.
        """
        inputs, grad_output = list(args), []
        watched = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        vector = concatenate(*[args[i].reshape(-1) for i in watched]) if watched else None
        if vector is not None:
            for i, part in zip(watched, _parts(vector, [args[i] for i in watched])):
                inputs[i] = part
        result = self.forward(*inputs, **kwargs)
        outputs = result if isinstance(result, tuple) else (result,)
        marked = tuple(_mark(y) if isinstance(y, Tensor) and y.requires_grad else y for y in outputs)
        grad_output += [None] * len(marked)

        def outgoing(i):
            def keep(g):
                grad_output[i] = g
                if vector is None:
                    self._call_backward_hooks((None,) * len(inputs), tuple(grad_output))
            return keep

        def incoming(g):
            grads = [None] * len(inputs)
            for i, part in zip(watched, _parts(g, [args[i] for i in watched])):
                grads[i] = part
            answer = self._call_backward_hooks(tuple(grads), tuple(grad_output))
            return None if answer is None else concatenate(*[answer[i].reshape(-1) for i in watched])

        for i, y in enumerate(marked):
            if isinstance(y, Tensor) and y.requires_grad:
                y.register_hook(outgoing(i))
        if vector is not None:
            vector.register_hook(incoming)
        return marked if isinstance(result, tuple) else marked[0]

    def _call_backward_hooks(self, grad_input, grad_output):
        answer = None
        for hook in list(self._backward_hooks.values()):
            given = hook(self, grad_input, grad_output)
            if given is not None:
                answer = grad_input = given if isinstance(given, tuple) else (given,)
        return answer

    # ------------------------------------------------------------------------------------------- attributes

    def _kind(self, name):
        """The dict of parameters, buffers or modules that holds a name, or None."""
        return next((kind for kind in (self._parameters, self._buffers, self._modules) if name in kind), None)

    def __setattr__(self, name, value):
        if "_parameters" not in self.__dict__:
            if isinstance(value, (Parameter, Module)):
                raise InputError(type(self).__name__, name, "assigned after super().__init__()", type(value).__name__)
            object.__setattr__(self, name, value)
            return
        kind = self._kind(name)
        if isinstance(value, (Parameter, Module)):
            wanted = self._parameters if isinstance(value, Parameter) else self._modules
            if kind is not None and kind is not wanted:
                del kind[name]
            self.__dict__.pop(name, None)
            wanted[name] = value
        elif kind is None:
            object.__setattr__(self, name, value)
        elif value is None or (kind is self._buffers and isinstance(value, Tensor)):
            kind[name] = value
        else:
            what = {id(self._parameters): "a Parameter", id(self._buffers): "a Tensor"}.get(id(kind), "a Module")
            raise InputError(type(self).__name__, name, f"{what} or None", type(value).__name__)

    def __getattr__(self, name):
        state = self.__dict__
        for kind in ("_parameters", "_modules", "_buffers"):
            if kind in state and name in state[kind]:
                return state[kind][name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name):
        kind = self._kind(name)
        if kind is None:
            object.__delattr__(self, name)
        else:
            del kind[name]

    def __dir__(self):
        return [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]

    def register_parameter(self, name, param):
        """Add a parameter (or None, for one that is switched off) under a name."""
        self._register("register_parameter", name, param, Parameter, self._parameters)

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that is no parameter but part of the state; not persistent: left out of the state_dict."""
        self._register("register_buffer", name, tensor, Tensor, self._buffers)
        (self._transient.discard if persistent else self._transient.add)(name)

    def add_module(self, name, module):
        """Add a module under a name."""
        self._register("add_module", name, module, Module, self._modules)

    register_module = add_module

    def _register(self, function, name, value, wanted, kind):
        if not isinstance(name, str) or not name or "." in name:
            raise InputError(function, "name", "a non-empty string without dots", repr(name))
        if value is not None and not isinstance(value, wanted):
            raise InputError(function, name, f"a {wanted.__name__} or None", type(value).__name__)
        if name in self.__dict__ or (self._kind(name) not in (None, kind)):
            raise InputError(function, "name", "not an attribute already", repr(name))
        kind[name] = value

    # --------------------------------------------------------------------------------------------- walking

    def named_modules(self, memo=None, prefix=""):
        """(name, module) for this module and all below, each once, parents first."""
        memo = set() if memo is None else memo
        if id(self) not in memo:
            memo.add(id(self))
            yield prefix, self
            for name, module in self._modules.items():
                if module is not None:
                    yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def modules(self):
        """This module and all below, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self):
        """(name, module) for the modules directly below."""
        return ((name, module) for name, module in self._modules.items() if module is not None)

    def children(self):
        """The modules directly below."""
        return (module for _, module in self.named_children())

    def _named(self, kind, prefix, recurse):
        seen = set()
        for path, module in self.named_modules(prefix=prefix) if recurse else [(prefix, self)]:
            for name, value in getattr(module, kind).items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self, prefix="", recurse=True):
        """(name, parameter) of this module and all below; a shared parameter comes once."""
        return self._named("_parameters", prefix, recurse)

    def parameters(self, recurse=True):
        """The parameters of this module and all below."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True):
        """(name, buffer) of this module and all below."""
        return self._named("_buffers", prefix, recurse)

    def buffers(self, recurse=True):
        """The buffers of this module and all below."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target):
        """The module at a dotted path such as 'layer1.0.conv1'."""
        module = self
        for part in target.split(".") if target else ():
            if part not in module._modules:
                raise InputError("get_submodule", "target", f"a path; {type(module).__name__} has {sorted(module._modules)}", target)
            module = module._modules[part]
        return module

    def get_parameter(self, target):
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in module._parameters:
            raise InputError("get_parameter", "target", f"a path; {type(module).__name__} has {sorted(module._parameters)}", target)
        return module._parameters[name]

    # ---------------------------------------------------------------------------------------------- modes

    def train(self, mode=True):
        """Training mode (dropout drops, batch norm uses the batch) for this module and all below. Returns self."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self):
        """Evaluation mode for this module and all below. Returns self."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Freeze (False) or unfreeze all parameters. Returns self."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget all gradients, or fill them with zeros."""
        for p in self.parameters():
            p._clear_grad(set_to_none)

    def apply(self, fn):
        """fn(module) for all modules below, then for this one. Returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def to(self, *args, **kwargs):
        """Move parameters and buffers to a device or floating-point dtype, in place. Returns self."""
        for module in self.modules():
            for kind in (module._parameters, module._buffers):
                for tensor in kind.values():
                    if tensor is not None:
                        self._convert(tensor, args, kwargs)
        return self

    @staticmethod
    def _convert(tensor, args, kwargs):
        """One tensor, in place; integers (such as num_batches_tracked) keep their dtype."""
        moved = tensor.detach().to(*args, **kwargs)
        if tensor.dtype.kind != "f" and moved.dtype != tensor.dtype:
            moved = tensor.detach().to(device=moved.device)
        tensor.data = moved._data
        if tensor.grad is not None:
            tensor.grad = tensor.grad.detach().to(*args, **kwargs)

    def float(self):
        """Parameters and buffers in float32."""
        return self.to(np.float32)

    def double(self):
        """Parameters and buffers in float64."""
        return self.to(np.float64)

    def cuda(self):
        """On the first GPU."""
        return self.to("cuda")

    def cpu(self):
        """On the host."""
        return self.to("cpu")

    # ----------------------------------------------------------------------------------------- state_dict

    def _state(self):
        """(key, tensor) of all parameters and persistent buffers, shared ones under each of their names."""
        for path, module in self._all_paths():
            items = itertools.chain(
                module._parameters.items(), ((k, b) for k, b in module._buffers.items() if k not in module._transient))
            for name, tensor in items:
                if tensor is not None:
                    yield f"{path}.{name}" if path else name, tensor

    def _all_paths(self, prefix=""):
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module._all_paths(f"{prefix}.{name}" if prefix else name)

    def state_dict(self):
        """A dict from dotted names to detached tensors that share memory with the module, as in PyTorch."""
        return {name: tensor.detach() for name, tensor in self._state()}

    def load_state_dict(self, state_dict, strict=True):
        """Copy values (tensors or arrays) into parameters and buffers by name; all or nothing.

        strict: missing or unexpected names are an error. A wrong shape always is. Returns (missing, unexpected).
        """
        own = dict(self._state())
        missing = [k for k in own if k not in state_dict]
        unexpected = [k for k in state_dict if k not in own]
        shapes = [(k, tuple(own[k].shape), tuple(np.shape(raw(state_dict[k])))) for k in own if k in state_dict]
        wrong = [f"{k} has shape {mine}, the file {theirs}" for k, mine, theirs in shapes if mine != theirs]
        problems = []
        if strict and missing:
            problems.append("missing: " + ", ".join(missing))
        if strict and unexpected:
            problems.append("unexpected: " + ", ".join(unexpected))
        problems += wrong
        if problems:
            raise InputError(f"{type(self).__name__}.load_state_dict", "state_dict", "of this module's names and shapes",
                             "; ".join(problems), "Build the module as it was when it was saved, or pass strict=False for missing "
                             "and unexpected names")
        for k, tensor in own.items():
            if k in state_dict:
                value = raw(state_dict[k])
                moved = Tensor(value).to(device=tensor.device, dtype=tensor.dtype)
                tensor._data[...] = moved._data
                tensor._watch().bump()
        return missing, unexpected

    def __deepcopy__(self, memo):
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        for name, value in self.__dict__.items():
            object.__setattr__(twin, name, copy.deepcopy(value, memo))
        return twin

    # ---------------------------------------------------------------------------------------------- hooks

    def _has_hooks(self):
        return bool(self._forward_hooks or self._forward_pre_hooks or self._backward_hooks)

    def register_forward_hook(self, hook):
        """hook(module, args, result) after forward; what it returns (if not None) replaces the result."""
        return add_hook(self._forward_hooks, hook)

    def register_forward_pre_hook(self, hook):
        """hook(module, args) before forward; what it returns (if not None) replaces the arguments."""
        return add_hook(self._forward_pre_hooks, hook)

    def register_full_backward_hook(self, hook):
        """hook(module, grad_input, grad_output) once per backward; a tuple it returns replaces grad_input.

        grad_input and grad_output are tuples over the positional inputs and the outputs, None where no gradient goes.
        """
        return add_hook(self._backward_hooks, hook)

    # ---------------------------------------------------------------------------------------------- showing

    def extra_repr(self):
        """What __repr__ shows between the parentheses of a layer."""
        return ""

    def __repr__(self):
        lines = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        extra = self.extra_repr()
        if not lines:
            return f"{type(self).__name__}({extra})"
        body = "\n  ".join(([extra] if extra else []) + lines)
        return f"{type(self).__name__}(\n  {body}\n)"
