"""What all optimizers share: groups of parameters, their state, and the loop of `step`."""

import math
import numbers
import threading
from collections import defaultdict

from ..autograd import Traced, enable_grad
from ..backend import device_of, is_array, to_device, to_numpy, xp_of
from ..errors import InputError

__all__ = ["Optimizer", "check_number"]


def check_number(function, argument, value, low=0.0, high=math.inf, below=math.inf):
    """Refuse everything but a finite real number with low <= value <= high and value < below."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if real and math.isfinite(value) and low <= value <= high and value < below:
        return
    expected = f"a number >= {low:g}"
    if math.isfinite(high):
        expected += f" and <= {high:g}"
    if math.isfinite(below):
        expected += f" and < {below:g}"
    raise InputError(function, argument, expected, repr(value))


class Optimizer:
    """Base class: subclasses write `_update(w, g, state, group)`, one step of their rule for one array, in place.

    `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts {"params": tensors, "lr": ..., ...} whose
    other entries override the defaults for that group. `param_groups` lists the groups; `state[p]` is a dict of what
    the rule remembers about parameter p, with torch's names. A parameter without gradient is left alone.
    """

    def __init__(self, params, defaults):
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        self._buffers = {}
        self._stepped = False  # schedulers ask whether step() has run
        self._check(defaults)
        name = type(self).__name__
        if isinstance(params, Traced):
            raise InputError(name, "params", "an iterable of tensors or dicts", "one tensor", "Put it in a list: [p]")
        if not hasattr(params, "__iter__"):
            raise InputError(name, "params", "an iterable of tensors or dicts", type(params).__name__)
        if isinstance(params, (set, frozenset)):
            raise InputError(name, "params", "in a fixed order", "a set", "Pass a list: state is saved by position")
        groups = list(params)
        if not groups:
            raise InputError(name, "params", "at least one tensor", "an empty list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    def _check(self, group):
        """Refuse hyperparameters out of range; called for the defaults and for every group."""

    def _update(self, w, g, state, group):
        """One step for the array w with gradient g (not to be changed), in place."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------ parameters

    def add_param_group(self, param_group):
        """Add parameters with their own hyperparameters, for example layers that are unfrozen later."""
        name = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise InputError(name, "param_group", 'a dict with the key "params"', repr(param_group)[:60])
        group = {**self.defaults, **param_group}
        self._check(group)
        group["params"], names = self._parameters(group["params"])
        if names:
            group["param_names"] = names
        self.param_groups.append(group)

    def _parameters(self, params):
        """The checked list of tensors in `params`, and their names if (name, tensor) pairs were given."""
        name = type(self).__name__
        if not hasattr(params, "__iter__"):
            raise InputError(name, "params", "an iterable of tensors or dicts", type(params).__name__)
        if isinstance(params, (set, frozenset)):
            raise InputError(name, "params", "in a fixed order", "a set", "Pass a list: state is saved by position")
        params = [params] if isinstance(params, Traced) else list(params)
        if not params:
            raise InputError(name, "params", "at least one tensor", "an empty list")
        names = [p[0] for p in params if isinstance(p, tuple) and len(p) == 2]
        if names and len(names) != len(params):
            raise InputError(name, "params", "all with names or all without", "a mixture")
        params = [p[1] for p in params] if names else params
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Traced):
                raise InputError(name, "params", "tensors", type(p).__name__)
            if p._node is not None:
                raise InputError(name, "params", "leaf tensors", f"the result of {p._node.name}",
                                 "Optimize the tensor that it was computed from")
            if id(p) in seen:
                raise InputError(name, "params", "different tensors", "the same tensor twice")
            seen.add(id(p))
        return params, names

    # ---------------------------------------------------------------------------------------------------- stepping

    def zero_grad(self, set_to_none=True):
        """Forget all gradients; with set_to_none=False fill them with zeros instead."""
        for group in self.param_groups:
            for p in group["params"]:
                p._clear_grad(set_to_none)

    def step(self, closure=None):
        """Update every parameter that has a gradient. `closure`, if given, computes loss and gradients first.

        Returns the closure's result, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p._data, p.grad._data, self.state[p], group)
                    p._watch().bump()
        self._stepped = True
        return loss

    @staticmethod
    def _zeros(state, name, like):
        """The array state[name], zeros like `like` where there is none: an option may be switched on half way."""
        if name not in state:
            state[name] = xp_of(like).zeros_like(like)
        return state[name]

    def _scratch(self, like, name):
        """An array like `like` with arbitrary content, shared by a thread's parameters: good until its next update."""
        key = name, like.dtype, device_of(like), threading.get_ident()
        flat = self._buffers.get(key)
        if flat is None or flat.size < like.size:
            flat = self._buffers[key] = xp_of(like).empty(like.size, like.dtype)
        return flat[: like.size].reshape(like.shape)

    def _gradient(self, w, g, maximize, weight_decay):
        """g (or -g to maximise) + weight_decay w: the gradient of what is minimised. Never writes into g."""
        if not maximize and not weight_decay:
            return g
        xp, total = xp_of(w, g), self._scratch(w, "gradient")
        xp.multiply(w, weight_decay, out=total)
        return xp.subtract(total, g, out=total) if maximize else xp.add(total, g, out=total)

    # --------------------------------------------------------------------------------------------------- saving

    def state_dict(self):
        """A copy of everything `load_state_dict` needs, with parameters as numbers in their order, as in torch:
        {"state": {number: {...}}, "param_groups": [{..., "params": [numbers]}]}."""
        params = [p for group in self.param_groups for p in group["params"]]
        number = {id(p): i for i, p in enumerate(params)}
        groups = [{**_copied(group, skip="params"), "params": [number[id(p)] for p in group["params"]]}
                  for group in self.param_groups]
        state = {i: _copied(self.state[p]) for i, p in enumerate(params) if self.state.get(p)}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` returned, for an optimizer with groups of the same sizes; copies the arrays."""
        name = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= set(state_dict):
            raise InputError(name, "state_dict", 'a dict with the keys "state" and "param_groups"',
                             repr(state_dict)[:60])
        sizes = [len(group["params"]) for group in self.param_groups]
        saved_sizes = [len(group["params"]) for group in state_dict["param_groups"]]
        if saved_sizes != sizes:
            raise InputError(name, "state_dict", f"of groups with {sizes} parameters", f"{saved_sizes}",
                             "Build the optimizer with the same groups as when it was saved")
        groups, state = [], defaultdict(dict)
        for group, saved in zip(self.param_groups, state_dict["param_groups"]):
            new = {**self.defaults, **_copied(saved, skip="params"), "params": group["params"]}
            self._check(new)
            groups.append(new)
            for p, key in zip(group["params"], saved["params"]):
                if key in state_dict["state"]:
                    state[p] = {k: self._restored(k, v, p) for k, v in state_dict["state"][key].items()}
        self.param_groups, self.state = groups, state

    def _restored(self, key, value, p):
        """A saved value as state of p: arrays are copied with p's dtype and device, and must have p's shape."""
        if key == "step":
            return int(value)
        if not is_array(value):
            return value
        if value.shape != p._data.shape:
            raise InputError(f"{type(self).__name__}.load_state_dict", key, f"of shape {tuple(p._data.shape)}",
                             tuple(value.shape), "The parameters are in another order than when it was saved")
        on_device = to_device(to_numpy(value), device_of(p._data))
        return on_device.astype(p._data.dtype, copy=True)


def _copied(values, skip=None):
    """A dict with its own copies of arrays and lists."""
    return {k: v.copy() if is_array(v) or isinstance(v, (list, dict)) else v for k, v in values.items() if k != skip}
