"""Values between two processes, as one .npz file: arrays as arrays, all else as JSON. Nothing in it can run."""

import json

import numpy as np

__all__ = ["write_values", "read_values"]


def pack(value, arrays):
    """`value` as something that JSON can carry; its arrays go to the list."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return pack(value.item(), arrays)
    if isinstance(value, np.random.Generator):
        return {"generator": value.bit_generator.state}
    if isinstance(value, (tuple, list)):
        return {type(value).__name__ if type(value) in (tuple, list) else "tuple": [pack(v, arrays) for v in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: pack(v, arrays) for key, v in value.items()}}
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"plain": value}
    return {"other": f"{type(value).__name__}"}


class Other:
    """A result of a type that no check expects; only its name came across."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"an object of type {self.name}"


def unpack(packed, arrays):
    """The value that `pack` packed."""
    (kind, content), = packed.items()
    if kind == "array":
        return arrays[f"a{content}"]
    if kind == "generator":
        rng = np.random.default_rng()
        rng.bit_generator.state = content
        return rng
    if kind in ("tuple", "list"):
        return {"tuple": tuple, "list": list}[kind](unpack(v, arrays) for v in content)
    if kind == "dict":
        return {key: unpack(v, arrays) for key, v in content.items()}
    return Other(content) if kind == "other" else content


def write_values(path, value):
    """Write a value to a file; it appears under its name only when it is whole."""
    arrays = []
    text = json.dumps(pack(value, arrays))
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as file:
        np.savez(file, text=np.array(text), **{f"a{i}": a for i, a in enumerate(arrays)})
    unfinished.replace(path)


def read_values(path):
    """What write_values wrote."""
    with np.load(path, allow_pickle=False) as file:
        return unpack(json.loads(str(file["text"])), file)
