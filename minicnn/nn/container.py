"""Modules that hold modules: Sequential, ModuleList, ModuleDict, ParameterList."""

import operator

from ..errors import InputError
from .activation import ReLU
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d
from .parameter import Parameter

__all__ = ["Sequential", "ModuleList", "ModuleDict", "ParameterList"]


def _check_module(function, value):
    if not isinstance(value, Module):
        raise InputError(function, "each entry", "a Module", type(value).__name__)


def _check_iterable(function, name, values):
    if not hasattr(values, "__iter__"):
        raise InputError(function, name, "a list, or another iterable", type(values).__name__)


class _Listed(Module):
    """What Sequential and ModuleList share: modules under the names '0', '1', ..."""

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def _name(self, index):
        """The name at a position, which may be negative."""
        index, n = operator.index(index), len(self)
        if not -n <= index < n:
            raise IndexError(f"{type(self).__name__}: index {index} of {n} modules")
        return list(self._modules)[index]

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._part(list(self._modules.items())[index])
        return self._modules[self._name(index)]

    def __setitem__(self, index, module):
        _check_module(type(self).__name__, module)
        self._modules[self._name(index)] = module

    def __delitem__(self, index):
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]
        for name in names:
            del self._modules[name]
        if all(name.isdigit() for name in self._modules):
            kept = list(self._modules.values())
            self._modules.clear()
            self._modules.update((str(i), m) for i, m in enumerate(kept))

    def append(self, module):
        """Add a module at the end. Returns self."""
        _check_module(type(self).__name__, module)
        self._modules[str(len(self))] = module
        return self

    def extend(self, modules):
        """Add several modules at the end. Returns self."""
        _check_iterable(type(self).__name__, "modules", modules)
        for module in modules:
            self.append(module)
        return self

    def insert(self, index, module):
        """Put a module before the one at `index`."""
        _check_module(type(self).__name__, module)
        modules = list(self)
        modules.insert(index, module)
        self._modules.clear()
        self._modules.update((str(i), m) for i, m in enumerate(modules))


def _fusible(module, after):
    """True for a batch norm and the ReLU after it, if no hook watches what passes between them."""
    return type(module) in (BatchNorm1d, BatchNorm2d) and type(after) is ReLU and not (module._has_hooks() or after._has_hooks())


class Sequential(_Listed):
    """Modules one after another: Sequential(a, b)(x) = b(a(x)); or from a dict of names.

    A batch norm with a ReLU right after it is computed in one pass.
    """

    def __init__(self, *modules):
        super().__init__()
        named = modules[0].items() if len(modules) == 1 and isinstance(modules[0], dict) else (
            (str(i), m) for i, m in enumerate(modules))
        for name, module in named:
            _check_module("Sequential", module)
            self.add_module(name, module)

    def _part(self, items):
        return Sequential(dict(items))

    def forward(self, input):
        modules = iter(self._modules.values())
        module = next(modules, None)
        while module is not None:
            after = next(modules, None)
            if _fusible(module, after):
                input, after = module(input, relu=True), next(modules, None)
            else:
                input = module(input)
            module = after
        return input


class ModuleList(_Listed):
    """A list whose modules are registered; it has no forward of its own."""

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)

    def _part(self, items):
        return ModuleList(module for _, module in items)


class ModuleDict(Module):
    """A dict whose modules are registered."""

    def __init__(self, modules=None):
        super().__init__()
        self.update({} if modules is None else modules)

    def __getitem__(self, name):
        return self._modules[name]

    def __setitem__(self, name, module):
        _check_module("ModuleDict", module)
        self.add_module(name, module)

    def __delitem__(self, name):
        del self._modules[name]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, name):
        return name in self._modules

    def keys(self):
        """Names."""
        return self._modules.keys()

    def values(self):
        """Modules."""
        return self._modules.values()

    def items(self):
        """(name, module) pairs."""
        return self._modules.items()

    def update(self, modules):
        """Add or replace modules from a dict."""
        if not hasattr(modules, "items"):
            raise InputError("ModuleDict", "modules", "a dict of modules", type(modules).__name__)
        for name, module in modules.items():
            self[name] = module


class ParameterList(Module):
    """A list whose parameters are registered."""

    def __init__(self, values=()):
        super().__init__()
        _check_iterable("ParameterList", "values", values)
        for value in values:
            self.append(value)

    def append(self, value):
        """Add a parameter, or a tensor that becomes one. Returns self."""
        self.register_parameter(str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self

    def __len__(self):
        return len(self._parameters)

    def __iter__(self):
        return iter(self._parameters.values())

    def __getitem__(self, index):
        return list(self._parameters.values())[index]
