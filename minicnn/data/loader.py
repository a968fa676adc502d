"""DataLoader: batches of a data set in an order, loaded ahead by threads.

Randomness is laid out so that the batches depend on the seed alone. An epoch draws one number, its seed, from the
loader's generator; the order, each sample's transforms and each batch's collation draw from streams begun from that
seed.
"""

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from ..backend import Generator, default_generator
from ..errors import InputError
from ..tensor import Tensor
from .collate import as_tensors, default_collate, to_tensor
from .dataset import checked_dataset
from .random import BATCH, ORDER, SAMPLE, stream_seed, use_generator
from .sampler import BatchSampler, RandomSampler, SequentialSampler, whole

__all__ = ["DataLoader", "default_collate"]

_THREADS = "minicnn-loader"


def _move(batch, device):
    """Every tensor of the batch on `device`."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {key: _move(value, device) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        values = [_move(value, device) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
    return batch


class DataLoader:
    """`for images, labels in DataLoader(dataset, batch_size=32, shuffle=True)`: tensors, batch by batch.

    sampler: gives the order (instead of shuffle); batch_sampler: gives the lists of indices of each batch (instead of
    batch_size, shuffle, sampler and drop_last). collate_fn: list of samples -> batch, default `default_collate`; arrays
    in what it returns become tensors. num_workers: threads that load ahead, prefetch_factor batches each; 0 loads in
    the caller's thread. device: where the tensors go. generator: where each epoch draws its seed, default the default
    stream.

    The batches are the same, bit for bit, for any num_workers, as long as transforms draw from `current_generator()`
    (all of minicnn.data.transforms do). `state_dict()` and `load_state_dict()` resume exactly, in mid-epoch too: the
    next `iter()` then gives the batches that were still to come. An error in a worker is raised in the caller, with its
    own traceback and a note of the sample's index. Threads end with the iterator: at the end, on an error, or when it
    is dropped. Names, arguments and defaults are torch.utils.data's; workers are threads, so that nothing is pickled.
    """

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
                 collate_fn=None, *, drop_last=False, generator=None, prefetch_factor=2, device=None):
        self.dataset = checked_dataset("DataLoader", dataset)
        if len(dataset) == 0:
            raise InputError("DataLoader", "dataset", "at least one sample long", "an empty data set",
                             "Check the path, the split and the filter that made it")
        if collate_fn is not None and not callable(collate_fn):
            raise InputError("DataLoader", "collate_fn", "a function of a list of samples", type(collate_fn).__name__)
        if generator is not None and not isinstance(generator, Generator):
            raise InputError("DataLoader", "generator", "a minicnn Generator", type(generator).__name__)
        self.num_workers = whole("DataLoader", "num_workers", num_workers)
        self.prefetch_factor = whole("DataLoader", "prefetch_factor", prefetch_factor, 1)
        self.collate_fn, self.generator, self.device = collate_fn or default_collate, generator, device
        self._choose_samplers(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self._epoch = None  # of the epoch under way: its seed, the sampler's state at its start, batches handed out
        self._resume = False

    def _choose_samplers(self, batch_size, shuffle, sampler, batch_sampler, drop_last):
        """Set batch_sampler from whichever arguments came; two that say the same thing are refused."""
        if shuffle not in (None, False, True):
            raise InputError("DataLoader", "shuffle", "True, False or None", repr(shuffle))
        if sampler is not None and shuffle:
            raise InputError("DataLoader", "shuffle", "left out when a sampler gives the order", shuffle)
        for name, given in (("sampler", sampler), ("batch_sampler", batch_sampler)):
            if given is not None and not hasattr(given, "__iter__"):
                raise InputError("DataLoader", name, "a Sampler or another iterable", type(given).__name__)
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise InputError("DataLoader", "batch_sampler", "given alone",
                                 "batch_size, shuffle, sampler or drop_last as well")
            self.batch_size, self.drop_last = None, False
            self.sampler, self.batch_sampler = getattr(batch_sampler, "sampler", None), batch_sampler
            return
        self.batch_size, self.drop_last = whole("DataLoader", "batch_size", batch_size, 1), drop_last
        self.sampler = sampler
        if sampler is None:
            self.sampler = RandomSampler(self.dataset) if shuffle else SequentialSampler(self.dataset)
        self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)

    def __len__(self):
        return len(self.batch_sampler)

    # ------------------------------------------------------------------------------------------- one epoch

    def __iter__(self):
        if not self._resume:
            seed = self._stream().spawn_seed()
            self._epoch = {"seed": seed, "sampler": self._sampler_state(), "position": 0}
        elif hasattr(self.batch_sampler, "load_state_dict"):
            self.batch_sampler.load_state_dict(self._epoch["sampler"])
        self._resume = False
        return self._run(self._epoch, self._plan(self._epoch))

    def _stream(self):
        return self.generator or default_generator()

    def _sampler_state(self):
        return self.batch_sampler.state_dict() if hasattr(self.batch_sampler, "state_dict") else {}

    def _plan(self, epoch):
        """Yield (number of the batch, position of its first sample, indices); those handed out already are passed
        over."""
        skip, seed, position = epoch["position"], epoch["seed"], 0
        order = Generator(stream_seed(seed, ORDER, 0))
        with use_generator(order):
            batches = iter(self.batch_sampler)
        for number in count():
            with use_generator(order):
                indices = next(batches, None)
            if indices is None:
                break
            if not hasattr(indices, "__iter__"):
                raise InputError("DataLoader", "batch_sampler", "an iterable of lists of indices",
                                 f"one that gives {indices!r}", "Wrap it in a BatchSampler, or pass it as sampler")
            indices = list(indices)
            if number >= skip:
                yield number, position, indices
            position += len(indices)
        if number < skip:
            raise InputError("DataLoader.load_state_dict", "position", f"at most {number}, the batches of this epoch",
                             skip, "Build the loader from the same data set and batch size as when the state was saved")

    def _load(self, seed, number, position, indices):
        """One batch, wherever this runs: each sample and the collation under a stream of its own."""
        if self.collate_fn is default_collate and hasattr(self.dataset, "take"):
            batch = self.dataset.take(indices)
            if batch is not None:
                return tuple(map(to_tensor, batch))
        samples = []
        for place, index in enumerate(indices):
            with use_generator(stream_seed(seed, SAMPLE, position + place)):
                try:
                    samples.append(self.dataset[index])
                except Exception as error:
                    error.add_note(f"DataLoader: while loading sample {index}, number {place} of batch {number}")
                    raise
        with use_generator(stream_seed(seed, BATCH, number)):
            try:
                return as_tensors(self.collate_fn(samples))
            except Exception as error:
                error.add_note(f"DataLoader: while collating batch {number}, samples {indices}")
                raise

    def _run(self, epoch, plan):
        """Yield the batches of the plan in order."""
        batches = self._ahead(epoch["seed"], plan) if self.num_workers else (
            self._load(epoch["seed"], *step) for step in plan)
        try:
            for batch in batches:
                epoch["position"] += 1
                yield batch if self.device is None else _move(batch, self.device)
        finally:
            batches.close()
        if self._epoch is epoch:
            self._epoch = None

    def _ahead(self, seed, plan):
        """The same, with num_workers threads that stay up to num_workers * prefetch_factor batches ahead."""
        pool = ThreadPoolExecutor(self.num_workers, thread_name_prefix=_THREADS)
        waiting = deque()
        try:
            for step in plan:
                waiting.append(pool.submit(self._load, seed, *step))
                if len(waiting) > self.num_workers * self.prefetch_factor:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # also when the generator is dropped half way, perhaps by the garbage collector, in one of the threads
            inside = threading.current_thread().name.startswith(_THREADS)
            pool.shutdown(wait=not inside, cancel_futures=True)  # which cannot wait for itself

    # ---------------------------------------------------------------------------------------------- resume

    def state_dict(self):
        """Plain values (JSON can carry them) from which `load_state_dict` goes on: generator, epoch's seed, position.

        The generator is the loader's own or, if it has none, the default stream: loading then puts that one back.
        """
        epoch = None if self._epoch is None else dict(self._epoch)
        return {"generator": self._stream().get_state(), "epoch": epoch, "sampler": self._sampler_state()}

    def load_state_dict(self, state):
        """Go on where `state_dict()` was called: the next `iter()` gives the batches that were still to come."""
        good = isinstance(state, Mapping) and set(state) == {"generator", "epoch", "sampler"}
        epoch = state["epoch"] if good else None
        if not good or (epoch is not None and set(epoch) != {"seed", "sampler", "position"}):
            raise InputError("DataLoader.load_state_dict", "state", "what state_dict() returned", repr(state))
        if epoch is not None:
            whole("DataLoader.load_state_dict", "position", epoch["position"])
        if hasattr(self.batch_sampler, "load_state_dict"):
            self.batch_sampler.load_state_dict(state["sampler"])
        self._stream().set_state(state["generator"])
        self._epoch, self._resume = None if epoch is None else dict(epoch), epoch is not None
