"""A data set is an object with `len(dataset)` and `dataset[i]`; the others here cut and join data sets.

Names and meaning are torch.utils.data's.
"""

import math
from bisect import bisect_right
from itertools import accumulate

import numpy as np

from ..autograd import raw
from ..errors import InputError
from .random import current_generator

__all__ = ["Dataset", "TensorDataset", "Subset", "ConcatDataset", "random_split"]


class Dataset:
    """Base class: write `__getitem__(index)`, which returns one sample, and `__len__()`."""

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self)")

    def take(self, indices):
        """The samples at a list of indices in one step, stacked as `default_collate` would, or None where there is no
        quicker way than one by one."""

    def __add__(self, other):
        """first + second: the samples of the first, then those of the second."""
        return ConcatDataset([self, other])


def checked_dataset(function, dataset):
    """`dataset`, if it has a length and can be indexed."""
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise InputError(function, "dataset", "a Dataset: an object with __len__ and __getitem__",
                         type(dataset).__name__)
    return dataset


def checked_index(function, index, length):
    """`index` counted from the front: -1 is the last of `length`."""
    if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
        raise InputError(function, "the index", "an int", type(index).__name__)
    if not -length <= index < length:  # IndexError, not InputError: `for sample in dataset` ends on it
        raise IndexError(f"{function}: index {index} is out of range for {length} samples")
    return int(index) % length


class TensorDataset(Dataset):
    """dataset[i] = (tensors[0][i], tensors[1][i], ...), for arrays or tensors of one length.

    >>> TensorDataset(images, labels)[7]  # (image, label)
    """

    def __init__(self, *tensors):
        if not tensors:
            raise InputError("TensorDataset", "tensors", "one array or more", "none")
        for number, tensor in enumerate(tensors):
            if not getattr(tensor, "shape", ()):
                raise InputError("TensorDataset", f"tensors[{number}]", "an array of at least one dimension",
                                 type(tensor).__name__)
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) > 1:
            raise InputError("TensorDataset", "tensors", "arrays of one length", f"lengths {lengths}")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(tensor[index] for tensor in self.tensors)

    def take(self, indices):
        """(tensors[0][indices], tensors[1][indices], ...) as arrays."""
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None  # a subclass does something else with its samples
        return tuple(raw(tensor)[indices] for tensor in self.tensors)

    def __len__(self):
        return len(self.tensors[0])


class Subset(Dataset):
    """subset[i] = dataset[indices[i]]."""

    def __init__(self, dataset, indices):
        self.dataset = checked_dataset("Subset", dataset)
        size = len(dataset)
        self.indices = [checked_index("Subset", index, size) for index in indices]

    def __getitem__(self, index):
        return self.dataset[self.indices[index]]

    def take(self, indices):
        """What the data set below takes."""
        if type(self).__getitem__ is not Subset.__getitem__ or not hasattr(self.dataset, "take"):
            return None
        return self.dataset.take([self.indices[i] for i in indices])

    def __len__(self):
        return len(self.indices)


class ConcatDataset(Dataset):
    """The samples of several data sets, one set after the other."""

    def __init__(self, datasets):
        self.datasets = [checked_dataset("ConcatDataset", dataset) for dataset in datasets]
        if not self.datasets:
            raise InputError("ConcatDataset", "datasets", "one data set or more", "none")
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index):
        index = checked_index("ConcatDataset", index, len(self))
        which = bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]

    def __len__(self):
        return self.cumulative_sizes[-1]


def _split_lengths(lengths, size):
    """Whole numbers that sum to `size`: `lengths` itself, or fractions rounded down, the rest dealt out one by one."""
    numbers = all(isinstance(n, (int, float, np.integer, np.floating)) and not isinstance(n, bool) and n >= 0
                  for n in lengths)
    if not lengths or not numbers:
        raise InputError("random_split", "lengths", "numbers >= 0", lengths)
    if math.isclose(sum(lengths), 1):
        whole = [math.floor(size * fraction) for fraction in lengths]
        for i in range(size - sum(whole)):
            whole[i % len(whole)] += 1
        return whole
    if sum(lengths) != size or any(n != int(n) for n in lengths):
        raise InputError("random_split", "lengths", f"whole numbers that sum to {size}, or fractions that sum to 1",
                         lengths)
    return [int(n) for n in lengths]


def random_split(dataset, lengths, generator=None):
    """Disjoint random subsets that cover the data set, of the given lengths (numbers, or fractions that sum to 1).

    A fraction f gets floor(f n) samples; those left over go to the first sets, one each (torch's rule).
    generator: default the default stream.

    >>> train, validation = random_split(dataset, [0.9, 0.1], generator=Generator(0))
    """
    lengths = _split_lengths(list(lengths), len(checked_dataset("random_split", dataset)))
    order = (generator or current_generator()).permutation(len(dataset)).tolist()
    return [Subset(dataset, order[end - n:end]) for n, end in zip(lengths, accumulate(lengths))]
