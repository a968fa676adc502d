"""Which random stream a transform draws from: the one that the loader lent to this thread, else the default one.

The loader lends each sample a stream of its own, begun from (seed of the epoch, position of the sample). So a sample's
augmentation does not depend on which worker made it, nor on when.
"""

import threading
from contextlib import contextmanager

from ..backend import Generator, default_generator

__all__ = ["current_generator", "use_generator", "stream_seed", "SAMPLE", "BATCH", "ORDER"]

SAMPLE, BATCH, ORDER = 0, 1, 2  # what a stream is for: one sample, the collation of one batch, the order of an epoch

_lent = threading.local()


def current_generator():
    """The stream lent to this thread by `use_generator`, else `default_generator()`."""
    found = getattr(_lent, "generator", None)
    if found is None:
        return default_generator()
    if isinstance(found, int):  # a seed: the stream begins only if somebody draws (beginning one takes 10 us)
        found = _lent.generator = Generator(found)
    return found


@contextmanager
def use_generator(generator):
    """Inside the block, transforms and samplers of this thread draw from `generator` (a Generator, or its seed)."""
    before = getattr(_lent, "generator", None)
    _lent.generator = generator
    try:
        yield
    finally:
        _lent.generator = before


def stream_seed(seed, purpose, number):
    """(number * 4 + purpose) * 2^64 + seed: a different seed for each triple, as long as seed < 2^64."""
    return ((number << 2 | purpose) << 64) | seed
