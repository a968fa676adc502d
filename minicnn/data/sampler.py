"""Samplers say in which order a loader visits a data set: iterating one gives indices (or lists of them).

Names, arguments and meaning are torch.utils.data's. `state_dict()` holds what iterating anew depends on, so that a
loader can replay an epoch.
"""

import numpy as np

from ..backend import Generator
from ..errors import InputError
from .random import current_generator

__all__ = ["Sampler", "SequentialSampler", "RandomSampler", "BatchSampler", "DistributedSampler"]


def whole(function, name, value, least=0):
    """`value` as an int, if it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(function, name, f"an int >= {least}", repr(value))
    return int(value)


def _flag(function, name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(function, name, "True or False", repr(value))
    return bool(value)


def _sized(function, source):
    if not hasattr(source, "__len__"):
        raise InputError(function, "data_source", "something with a length, such as a Dataset", type(source).__name__)
    return source


class Sampler:
    """Base class: write `__iter__()`, which gives the indices of one epoch, and `__len__()`."""

    def __iter__(self):
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")

    def state_dict(self):
        """What the next `iter()` depends on, as plain values."""
        return {}

    def load_state_dict(self, state):
        """Put back what `state_dict()` returned."""


class SequentialSampler(Sampler):
    """0, 1, ..., n - 1."""

    def __init__(self, data_source):
        self.data_source = _sized("SequentialSampler", data_source)

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """A random permutation of 0, ..., n - 1; with `replacement`, independent uniform draws.

    num_samples: how many indices an epoch gives, default n; beyond n without replacement, one permutation follows
    another. generator: default the stream that the loader lends (drawn from its seed), else the default stream.
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source = _sized("RandomSampler", data_source)
        self.replacement = _flag("RandomSampler", "replacement", replacement)
        self._num_samples = None if num_samples is None else whole("RandomSampler", "num_samples", num_samples, 1)
        self.generator = generator
        if len(data_source) == 0:
            raise InputError("RandomSampler", "data_source", "at least one sample long", "an empty one")

    @property
    def num_samples(self):
        """How many indices an epoch gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        n, count = len(self.data_source), self.num_samples
        stream = self.generator or current_generator()
        if self.replacement:
            yield from stream.integers(0, n, (count,)).tolist()
            return
        for begin in range(0, count, n):
            yield from stream.permutation(n)[:count - begin].tolist()

    def __len__(self):
        return self.num_samples

    def state_dict(self):
        """The state of a generator of its own; a lent stream follows from the loader's seed."""
        return {"generator": None if self.generator is None else self.generator.get_state()}

    def load_state_dict(self, state):
        """Go on from `state_dict()`."""
        if self.generator is not None and state.get("generator") is not None:
            self.generator.set_state(state["generator"])


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of another sampler; the last one is shorter, or with `drop_last` left out."""

    def __init__(self, sampler, batch_size, drop_last):
        if not hasattr(sampler, "__iter__"):
            raise InputError("BatchSampler", "sampler", "a Sampler or another iterable of indices",
                             type(sampler).__name__)
        self.sampler, self.batch_size = sampler, whole("BatchSampler", "batch_size", batch_size, 1)
        self.drop_last = _flag("BatchSampler", "drop_last", drop_last)

    def __iter__(self):
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self):
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def state_dict(self):
        """The inner sampler's state."""
        return self.sampler.state_dict() if hasattr(self.sampler, "state_dict") else {}

    def load_state_dict(self, state):
        """Go on from `state_dict()`."""
        if hasattr(self.sampler, "load_state_dict"):
            self.sampler.load_state_dict(state)


class DistributedSampler(Sampler):
    """Indices rank, rank + R, rank + 2R, ... of an order that all R = num_replicas processes share.

    The order is a permutation drawn from `seed + epoch`: call `set_epoch(epoch)` before each epoch, or every epoch has
    the same one. All ranks get equally many: the order is filled up from its own start, or with `drop_last` cut off.
    """

    def __init__(self, dataset, num_replicas, rank, shuffle=True, seed=0, drop_last=False):
        name = "DistributedSampler"
        self.dataset, self.num_replicas = _sized(name, dataset), whole(name, "num_replicas", num_replicas, 1)
        self.rank, self.seed = whole(name, "rank", rank), whole(name, "seed", seed)
        self.shuffle, self.drop_last = _flag(name, "shuffle", shuffle), _flag(name, "drop_last", drop_last)
        self.epoch = 0
        if self.rank >= self.num_replicas:
            raise InputError(name, "rank", f"between 0 and num_replicas - 1 = {self.num_replicas - 1}", rank)
        if len(dataset) == 0:
            raise InputError(name, "dataset", "at least one sample long", "an empty one")

    def __iter__(self):
        n = len(self.dataset)
        order = Generator(self.seed + self.epoch).permutation(n) if self.shuffle else np.arange(n)
        total = len(self) * self.num_replicas
        return iter(np.resize(order, total)[self.rank::self.num_replicas].tolist())  # resize: cut, or repeat

    def __len__(self):
        n = len(self.dataset)
        return n // self.num_replicas if self.drop_last else -(-n // self.num_replicas)

    def set_epoch(self, epoch):
        """Say which epoch comes next, so that it gets its own order."""
        self.epoch = whole("DistributedSampler.set_epoch", "epoch", epoch)

    def state_dict(self):
        """The epoch."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        """Go on from `state_dict()`."""
        self.set_epoch(state.get("epoch", self.epoch))
