"""Samplers: permutations, counts, shares of processes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.backend import Generator
from minicnn.data.random import use_generator
from minicnn.data.sampler import BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler
from minicnn.errors import InputError


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_sequential():
    sampler = SequentialSampler("abc")
    assert list(sampler) == [0, 1, 2] and len(sampler) == 3


@given(n=st.integers(1, 12), count=st.one_of(st.none(), st.integers(1, 40)), replacement=st.booleans())
def test_random_sampler_counts(n, count, replacement):
    sampler = RandomSampler(range(n), replacement, count, Generator(3))
    seen = list(sampler)
    assert len(seen) == len(sampler) == (n if count is None else count)
    assert all(0 <= i < n for i in seen)
    if not replacement:  # whole permutations, one after another
        for begin in range(0, len(seen), n):
            part = seen[begin:begin + n]
            assert len(set(part)) == len(part)


def test_random_sampler_is_uniform():
    """4 sigma bounds on the count of each index, and of each index in first place."""
    n, epochs = 5, 2000
    sampler = RandomSampler(range(n), generator=Generator(0))
    first = np.bincount([next(iter(sampler)) for _ in range(epochs)], minlength=n)
    drawn = np.bincount(list(RandomSampler(range(n), True, epochs, Generator(1))), minlength=n)
    sigma = np.sqrt(epochs * (1 / n) * (1 - 1 / n))
    assert np.all(np.abs(first - epochs / n) < 4 * sigma)
    assert np.all(np.abs(drawn - epochs / n) < 4 * sigma)


def test_random_sampler_draws_from_the_lent_stream_and_resumes():
    sampler = RandomSampler(range(20))
    with use_generator(Generator(4)):
        lent = list(sampler)
    assert lent == list(RandomSampler(range(20), generator=Generator(4)))
    own = RandomSampler(range(20), generator=Generator(4))
    list(own)
    state = own.state_dict()
    expected = list(own)
    assert expected != lent
    own.load_state_dict(state)
    assert list(own) == expected


@given(n=st.integers(0, 20), size=st.integers(1, 7), drop=st.booleans())
def test_batch_sampler(n, size, drop):
    batches = BatchSampler(range(n), size, drop)
    found = list(batches)
    expected = [list(range(i, min(i + size, n))) for i in range(0, n, size)]
    assert found == [b for b in expected if len(b) == size or not drop]
    assert len(found) == len(batches)


@given(n=st.integers(1, 30), ranks=st.integers(1, 5), drop=st.booleans(), shuffle=st.booleans())
def test_distributed_sampler_shares_all(n, ranks, drop, shuffle):
    shares = [list(DistributedSampler(range(n), ranks, r, shuffle, 3, drop)) for r in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    assert len(shares[0]) == (n // ranks if drop else -(-n // ranks))
    dealt = [share[i] for i in range(len(shares[0])) for share in shares]  # back in the common order
    assert len(set(dealt[:n])) == min(n, len(dealt))
    if not drop:
        assert set(dealt) == set(range(n)) and dealt[n:] == (dealt[:n] * ranks)[:len(dealt) - n]


@given(n=st.integers(1, 20), ranks=st.integers(1, 6), drop=st.booleans())
def test_distributed_sampler_without_shuffle_is_torch_s(torch, n, ranks, drop):
    for rank in range(ranks):
        theirs = torch.utils.data.DistributedSampler(range(n), ranks, rank, shuffle=False, drop_last=drop)
        if not (drop and n < ranks):  # torch then computes a length of its own
            assert list(DistributedSampler(range(n), ranks, rank, False, 0, drop)) == list(theirs)


def test_set_epoch_changes_the_order_for_all_ranks_alike():
    a, b = (DistributedSampler(range(10), 2, rank, seed=1) for rank in (0, 1))
    before = list(a)
    assert list(a) == before
    a.set_epoch(1)
    b.set_epoch(1)
    assert list(a) != before
    assert sorted([*a, *b]) == list(range(10))
    c = DistributedSampler(range(10), 2, 0, seed=1)
    c.load_state_dict(a.state_dict())
    assert list(c) == list(a)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: SequentialSampler(3), "data_source must be something with a length"),
    (lambda: RandomSampler([]), "data_source must be at least one sample long"),
    (lambda: RandomSampler([1], num_samples=0), "num_samples must be an int >= 1"),
    (lambda: RandomSampler([1], replacement=2), "replacement must be True or False"),
    (lambda: BatchSampler([1], 0, False), "batch_size must be an int >= 1"),
    (lambda: BatchSampler([1], True, False), "batch_size must be an int >= 1"),
    (lambda: BatchSampler(1, 1, False), "sampler must be a Sampler"),
    (lambda: BatchSampler([1], 1, None), "drop_last must be True or False"),
    (lambda: DistributedSampler([1], 2, 2), "rank must be between 0 and num_replicas - 1 = 1"),
    (lambda: DistributedSampler([1], 0, 0), "num_replicas must be an int >= 1"),
    (lambda: DistributedSampler([], 1, 0), "dataset must be at least one sample long"),
    (lambda: DistributedSampler([1], 1, 0).set_epoch(-1), "epoch must be an int >= 0"),
])
def test_bad_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_sampler_must_define_its_order():
    with pytest.raises(NotImplementedError, match="Sampler must define __iter__"):
        iter(Sampler())
