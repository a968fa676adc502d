"""Nested state (dicts, lists, numbers, arrays) as JSON plus a flat dict of arrays, and back, with nothing lost on the way.

JSON has no tuples, no keys but strings and no arrays; floats it keeps exactly. So a tuple is {"tuple": [...]}, a dict
{"dict": [[key, value], ...]}, an array {"array": ""}, or {"array": name} where its name is not the keys on the way to it.
"""

import numpy as np

from ..autograd import raw
from ..backend import is_array, to_numpy
from ..errors import InputError

__all__ = ["flatten", "unflatten"]


def flatten(tree, path="", arrays=None):
    """(what JSON can carry, {name: NumPy array}); an array's name is the keys on the way to it, joined by '/'."""
    arrays = {} if arrays is None else arrays
    tree = raw(tree)
    if isinstance(tree, np.generic):
        tree = tree.item()
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree, arrays
    if is_array(tree):
        name = "" if path and path not in arrays else f"{path}#{len(arrays)}"
        arrays[name or path] = np.asarray(to_numpy(tree), order="C")
        return {"array": name}, arrays
    if isinstance(tree, (list, tuple)):
        values = [flatten(value, _below(path, i), arrays)[0] for i, value in enumerate(tree)]
        return values if isinstance(tree, list) else {"tuple": values}, arrays
    if isinstance(tree, dict) and all(key is None or isinstance(key, (bool, int, float, str)) for key in tree):
        return {"dict": [[key, flatten(value, _below(path, key), arrays)[0]] for key, value in tree.items()]}, arrays
    raise InputError("save_checkpoint", path, "made of numbers, strings, arrays, lists, tuples and dicts", type(tree).__name__,
                     "Give the object a state_dict() and a load_state_dict() of such values")


def unflatten(plain, arrays, path=""):
    """The tree again, from the same path. KeyError, TypeError or ValueError if `plain` is nothing that `flatten` returns."""
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return plain
    [(kind, content)] = [("list", plain)] if isinstance(plain, list) else plain.items()
    if kind == "array":
        return arrays[content or path]
    if kind == "dict":
        return {key: unflatten(value, arrays, _below(path, key)) for key, value in content}
    if kind not in ("list", "tuple"):
        raise ValueError(f"there is no kind {kind!r}")
    values = [unflatten(value, arrays, _below(path, i)) for i, value in enumerate(content)]
    return values if kind == "list" else tuple(values)


def _below(path, key):
    return f"{path}/{key}" if path else str(key)
