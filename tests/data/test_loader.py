"""DataLoader: the same batches for any number of workers, exact resume, named errors, no threads left."""

import gc
import json
import subprocess
import sys
import threading
import traceback

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import backend
from minicnn.backend import Generator
from minicnn.data import transforms as T
from minicnn.data.collate import default_collate
from minicnn.data.dataset import Dataset, TensorDataset
from minicnn.data.loader import DataLoader
from minicnn.data.random import current_generator
from minicnn.data.sampler import BatchSampler, DistributedSampler, RandomSampler, SequentialSampler
from minicnn.errors import InputError
from minicnn.tensor import Tensor

AUGMENT = T.Compose([
    T.RandomCrop(9, padding=1), T.RandomResizedCrop(8), T.RandomHorizontalFlip(), T.RandomVerticalFlip(),
    T.ColorJitter(0.3, 0.3, 0.3, 0.2), T.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), 5, "bilinear"), T.ToDtype(scale=True),
    T.PCALighting(), T.RandomErasing(value="random"),
])


class Pictures(Dataset):
    """Random pictures with an index as label, augmented at random."""

    def __init__(self, n=23, transform=AUGMENT):
        self.images = np.random.default_rng(5).integers(0, 256, (n, 3, 9, 9)).astype(np.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), index


class DrawsAtOnce:
    """A batch sampler that draws when iter() is called, not at the first batch."""

    def __iter__(self):
        return iter(current_generator().permutation(20).reshape(5, 4).tolist())

    def __len__(self):
        return 5


class Broken(Dataset):
    """Sample 7 cannot be read."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        if index == 7:
            raise FileNotFoundError("picture 7 is gone")
        return np.zeros(2, np.float32)


def mixed(samples):
    return T.MixUp(0.5, num_classes=40)(*default_collate(samples))


def epoch(loader):
    return [tuple(part.numpy() for part in batch) for batch in loader]


def same(a, b):
    """Equal bit for bit."""
    return len(a) == len(b) and all(x.tobytes() == y.tobytes() and x.shape == y.shape
                                    for p, q in zip(a, b) for x, y in zip(p, q))


def loader_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("minicnn-loader")]


@pytest.fixture(autouse=True)
def no_threads_left():
    yield
    gc.collect()
    assert loader_threads() == []


# ------------------------------------------------------------------------------------------------ order and types

def test_batches_in_order():
    x, y = np.arange(14, dtype=np.float32).reshape(7, 2), np.arange(7)
    batches = list(DataLoader(TensorDataset(x, y), batch_size=3))
    assert [tuple(b[0].shape) for b in batches] == [(3, 2), (3, 2), (1, 2)]
    assert all(isinstance(part, Tensor) for batch in batches for part in batch)
    assert np.array_equal(np.concatenate([b[0].numpy() for b in batches]), x)
    assert np.array_equal(np.concatenate([b[1].numpy() for b in batches]), y)


@given(n=st.integers(1, 20), size=st.integers(1, 8), drop=st.booleans(), shuffle=st.booleans(),
       workers=st.integers(0, 2))
def test_an_epoch_visits_every_sample_once(n, size, drop, shuffle, workers):
    loader = DataLoader(TensorDataset(np.arange(n)), size, shuffle=shuffle, drop_last=drop, num_workers=workers)
    batches = [b[0].tolist() for b in loader]
    seen = [i for b in batches for i in b]
    assert len(loader) == len(batches) and len(set(seen)) == len(seen)
    assert len(seen) == (n - n % size if drop else n)
    assert all(len(b) == size for b in batches[:-1])
    assert shuffle or seen == sorted(seen)


def test_each_epoch_has_its_own_order_and_the_seed_decides():
    loader = DataLoader(TensorDataset(np.arange(50)), 50, shuffle=True, generator=Generator(1))
    first, second = epoch(loader), epoch(loader)
    assert not same(first, second)
    again = DataLoader(TensorDataset(np.arange(50)), 50, shuffle=True, generator=Generator(1))
    assert same(first, epoch(again)) and same(second, epoch(again))
    other = DataLoader(TensorDataset(np.arange(50)), 50, shuffle=True, generator=Generator(2))
    assert not same(first, epoch(other))


def test_the_default_stream_is_used_without_a_generator():
    loader = DataLoader(Pictures(), 5, shuffle=True)
    backend.manual_seed(3)
    first = epoch(loader)
    backend.manual_seed(3)
    assert same(first, epoch(loader))


# --------------------------------------------------------------------------------------------------- determinism

@pytest.mark.parametrize("collate", [None, mixed])
def test_the_same_bits_for_any_number_of_workers(collate):
    runs = []
    for workers, ahead in ((0, 2), (1, 1), (3, 2), (3, 5)):
        loader = DataLoader(Pictures(), 4, shuffle=True, num_workers=workers, prefetch_factor=ahead, collate_fn=collate,
                            generator=Generator(11))
        runs.append(epoch(loader) + epoch(loader))
    assert all(same(runs[0], run) for run in runs[1:])


def test_a_sample_is_augmented_anew_by_place_and_by_epoch():
    data = Pictures(1)
    loader = DataLoader(data, 2, sampler=[0] * 6, generator=Generator(0))
    pictures = {image.tobytes() for images, _ in epoch(loader) + epoch(loader) for image in images}
    assert len(pictures) == 12


def test_each_batch_is_collated_with_draws_of_its_own():
    loader = DataLoader(range(9), 3, collate_fn=lambda samples: current_generator().uniform(), generator=Generator(0))
    assert len({float(draw) for draw in [*loader, *loader]}) == 6


def test_the_caller_s_draws_do_not_disturb_the_batches():
    plain = epoch(DataLoader(Pictures(), 4, shuffle=True, generator=Generator(4)))
    loader, disturbed = DataLoader(Pictures(), 4, shuffle=True, num_workers=2, generator=Generator(4)), []
    for batch in loader:
        backend.default_generator().uniform((3,))  # dropout of the model, say
        disturbed.append(tuple(part.numpy() for part in batch))
    assert same(plain, disturbed)


# -------------------------------------------------------------------------------------------------------- resume

def build(kind, workers=0):
    data = Pictures(transform=T.RandomErasing(1, value=3))
    if kind == "shuffle":
        return DataLoader(data, 4, shuffle=True, num_workers=workers, generator=Generator(8))
    if kind == "default stream":
        return DataLoader(data, 4, shuffle=True, num_workers=workers)
    if kind == "sampler with its own stream":
        return DataLoader(data, 4, sampler=RandomSampler(data, generator=Generator(9)), num_workers=workers,
                          generator=Generator(8))
    if kind == "one stream for both":
        stream = Generator(9)
        return DataLoader(data, 4, sampler=RandomSampler(data, True, 15, stream), num_workers=workers, generator=stream)
    if kind == "distributed":
        return DataLoader(data, 4, sampler=DistributedSampler(data, 2, 1), num_workers=workers, generator=Generator(8))
    if kind == "a sampler of one's own":
        return DataLoader(data, batch_sampler=DrawsAtOnce(), num_workers=workers, generator=Generator(8))
    batches = BatchSampler(RandomSampler(data), 5, drop_last=True)
    return DataLoader(data, batch_sampler=batches, num_workers=workers, generator=Generator(8))


KINDS = ["shuffle", "default stream", "sampler with its own stream", "one stream for both", "distributed",
         "batch sampler", "a sampler of one's own"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", [0, 1, 2, None])
def test_resume_in_mid_epoch_is_exact(kind, position):
    """position None: between two epochs."""
    backend.manual_seed(6)
    loader = build(kind, workers=2)
    epoch(loader)
    batches = iter(loader)
    for _ in range(100 if position is None else position):
        next(batches, None)
    state = json.loads(json.dumps(loader.state_dict()))  # plain values
    rest = [tuple(part.numpy() for part in batch) for batch in batches]
    expected = rest + epoch(loader)

    backend.manual_seed(0)
    fresh = build(kind)
    fresh.load_state_dict(state)
    assert fresh.state_dict() == state
    found = (epoch(fresh) if position is not None else []) + epoch(fresh)
    assert same(expected, found)


@pytest.mark.parametrize("part", ["generator", "seed", "position"])
def test_resume_needs_every_part_of_the_state(part):
    loader = build("shuffle")
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    expected = [tuple(part.numpy() for part in batch) for batch in batches] + epoch(loader)
    if part == "generator":
        state["generator"] = Generator(77).get_state()
    else:
        state["epoch"][part] += 1
    loader.load_state_dict(state)
    assert not same(expected, epoch(loader) + epoch(loader))


def test_a_state_of_another_loader_is_refused():
    loader = DataLoader(Pictures(), 4, generator=Generator(0))
    iterator = iter(loader)
    for _ in range(5):
        next(iterator)
    smaller = DataLoader(Pictures(8), 4, generator=Generator(0))
    smaller.load_state_dict(loader.state_dict())
    with pytest.raises(InputError, match="position must be at most 2"):
        next(iter(smaller))
    for wrong in ({}, None, {"generator": {}, "sampler": {}, "epoch": {"seed": 1}}):
        with pytest.raises(InputError, match="what state_dict"):
            loader.load_state_dict(wrong)


# ---------------------------------------------------------------------------------------------- errors and threads

@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_names_the_sample_and_keeps_its_traceback(workers):
    seen = 0
    with pytest.raises(FileNotFoundError, match="picture 7 is gone") as caught:
        for _ in DataLoader(Broken(), 3, num_workers=workers):
            seen += 1
    assert seen == 2  # the batches before it came
    text = "".join(traceback.format_exception(caught.value))
    assert "in __getitem__" in text and "while loading sample 7, number 1 of batch 2" in text
    assert loader_threads() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_collation_names_the_batch(workers):
    ragged = [np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(3)]
    with pytest.raises(InputError, match=r"one shape, got \(2,\) for the first and \(3,\) for number 1") as caught:
        list(DataLoader(ragged, 2, num_workers=workers))
    assert "collating batch 1, samples [2, 3]" in caught.value.__notes__[0]


@pytest.mark.parametrize("leave", ["drop", "break", "raise", "close"])
def test_threads_end_when_the_iterator_is_left(leave):
    loader = DataLoader(Pictures(200), 2, num_workers=3)
    if leave == "break":
        for _ in loader:
            assert loader_threads()
            break
    elif leave == "raise":
        with pytest.raises(RuntimeError, match="of the caller"):
            for _ in loader:
                raise RuntimeError("of the caller")
    else:
        iterator = iter(loader)
        next(iterator)
        assert loader_threads()
        if leave == "close":
            iterator.close()
        else:
            del iterator
    gc.collect()
    assert loader_threads() == []


def test_no_more_is_loaded_than_asked_for():
    touched = []

    class Counting(Pictures):
        def __getitem__(self, index):
            touched.append(index)
            return index

    iterator = iter(DataLoader(Counting(200), 1, num_workers=2, prefetch_factor=3))
    next(iterator)
    iterator.close()
    assert len(touched) <= 1 + 2 * 3


def test_the_interpreter_ends_with_an_iterator_open():
    program = (
        "import time\n"
        "from minicnn.data.loader import DataLoader\n"
        "class Slow(list):\n"
        "    def __getitem__(self, i):\n"
        "        time.sleep(0.01)\n"
        "        return i\n"
        "iterator = iter(DataLoader(Slow(range(10000)), 1, num_workers=2))\n"
        "print(next(iterator).tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30,
                          check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[0]", "")


# -------------------------------------------------------------------------------------------------------- arguments

@pytest.mark.parametrize(("arguments", "message"), [
    ({"dataset": []}, "dataset must be at least one sample long"),
    ({"dataset": 7}, "dataset must be a Dataset"),
    ({"batch_size": 0}, "batch_size must be an int >= 1, got 0"),
    ({"batch_size": 2.0}, "batch_size must be an int >= 1, got 2.0"),
    ({"batch_size": None}, "batch_size must be an int"),
    ({"shuffle": True, "sampler": [1, 0]}, "shuffle must be left out when a sampler gives the order"),
    ({"shuffle": "yes"}, "shuffle must be True, False or None"),
    ({"sampler": 3}, "sampler must be a Sampler or another iterable, got int"),
    ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler must be given alone"),
    ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler must be given alone"),
    ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler must be given alone"),
    ({"num_workers": -1}, "num_workers must be an int >= 0, got -1"),
    ({"prefetch_factor": 0}, "prefetch_factor must be an int >= 1"),
    ({"collate_fn": 1}, "collate_fn must be a function"),
    ({"generator": 1}, "generator must be a minicnn Generator, got int"),
    ({"drop_last": "no"}, "drop_last must be True or False"),
])
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        DataLoader(**{"dataset": [1, 2, 3], **arguments})


def test_a_plain_sampler_as_batch_sampler_is_refused():
    with pytest.raises(InputError, match="Wrap it in a BatchSampler"):
        next(iter(DataLoader([1, 2, 3], batch_sampler=SequentialSampler([1, 2, 3]))))


def test_a_collate_fn_s_arrays_become_tensors():
    def collate(samples):
        return {"x": np.array(samples), "n": len(samples)}

    batch, = DataLoader([1.0, 2.0], 2, collate_fn=collate, device="cpu")
    assert batch["x"].dtype == np.float32 and batch["n"] == 2
