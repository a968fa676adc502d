"""From a list of samples to a batch, and from arrays to tensors."""

from collections.abc import Mapping

import numpy as np

from ..autograd import raw
from ..backend import is_array, xp_of
from ..errors import InputError
from ..tensor import Tensor

__all__ = ["default_collate", "as_tensors", "to_tensor"]


def to_tensor(array):
    """A tensor of an array: floats in float32, integers in int64; but images of uint8 stay so, as do booleans."""
    kind = array.dtype.kind
    if kind == "f":
        array = array.astype(np.float32, copy=False)
    elif kind in "iu" and (array.dtype != np.uint8 or array.ndim < 2):  # uint8 of one dimension: labels
        array = array.astype(np.int64, copy=False)
    elif kind not in "ub":
        raise InputError("default_collate", "batch", "numbers or arrays of numbers", f"dtype {array.dtype}")
    return Tensor._make(array)  # no copy: the array was made for this batch


def _rebuild(like, values):
    """A list of values in a container like `like`; a named tuple takes its fields one by one."""
    if isinstance(like, tuple):
        return type(like)(*values) if hasattr(like, "_fields") else tuple(values)
    return list(values)


def as_tensors(batch):
    """`batch` with every array in it (at any depth of tuples, lists and dicts) as a Tensor; all else as it is."""
    if is_array(batch):
        return to_tensor(batch.copy())  # somebody else may hold it
    if isinstance(batch, Mapping):
        return {key: as_tensors(value) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        return _rebuild(batch, [as_tensors(value) for value in batch])
    return batch


def _stack(samples):
    """One array of arrays, tensors or numbers along a new first axis."""
    arrays = [raw(sample) if isinstance(sample, Tensor) else sample if is_array(sample) else np.asarray(sample)
              for sample in samples]
    shapes = [array.shape for array in arrays]
    for place, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise InputError("default_collate", "batch", "of one shape",
                             f"{shapes[0]} for the first and {shape} for number {place} of the batch",
                             "Resize or crop them to one size, or pass your own collate_fn")
    return xp_of(*arrays).stack(arrays)


def default_collate(batch):
    """A batch from a list of samples: numbers and arrays are stacked to (N, ...), containers are collated part by part.

    [(image, label), ...] becomes (images, labels), [{"x": ...}, ...] becomes {"x": ...}; tuples stay tuples, and
    strings are left in a list. Floats become float32 and integers int64 tensors (uint8 images stay uint8). As torch's,
    but for these types.
    """
    if not isinstance(batch, (list, tuple)) or not batch:
        raise InputError("default_collate", "batch", "a list of one sample or more",
                         "an empty one" if isinstance(batch, (list, tuple)) else type(batch).__name__)
    first = batch[0]
    for place, sample in enumerate(batch):
        if isinstance(first, (tuple, list, Mapping)) and (type(sample) is not type(first) or len(sample) != len(first)):
            alike = f"alike, each a {type(first).__name__} of length {len(first)}"
            raise InputError("default_collate", "batch", alike,
                             f"{type(sample).__name__} as number {place} of the batch")
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        return _rebuild(first, [default_collate(list(parts)) for parts in zip(*batch)])
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, (Tensor, int, float, np.generic)) or is_array(first):
        return to_tensor(_stack(batch))
    hint = "Put transforms.ToImage() first" if hasattr(first, "getbands") else "Pass your own collate_fn"
    raise InputError("default_collate", "batch", "numbers, arrays, strings, or tuples, lists and dicts of these",
                     type(first).__name__, hint)
