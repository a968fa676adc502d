"""Data sets: indexing, joining, cutting, splitting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn import backend
from minicnn.backend import Generator
from minicnn.data.dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from minicnn.errors import InputError
from minicnn.tensor import Tensor


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_tensor_dataset():
    x, y = np.arange(6.0).reshape(3, 2), Tensor(np.array([5, 6, 7]))
    data = TensorDataset(x, y)
    assert len(data) == 3
    image, label = data[-1]
    assert image.tolist() == [4, 5] and label.item() == 7


@pytest.mark.parametrize(("tensors", "message"), [
    ((), "tensors must be one array or more, got none"),
    ((np.zeros(3), np.zeros(4)), r"arrays of one length, got lengths \[3, 4\]"),
    ((np.zeros(()),), r"tensors\[0\] must be an array of at least one dimension"),
    (([1, 2],), r"tensors\[0\] must be an array"),
])
def test_tensor_dataset_refuses(tensors, message):
    with pytest.raises(InputError, match=message):
        TensorDataset(*tensors)


def test_a_data_set_without_its_methods_says_which():
    class Nothing(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define __getitem__"):
        Nothing()[0]
    with pytest.raises(NotImplementedError, match="Nothing must define __len__"):
        len(Nothing())


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_concat_is_the_list_of_all(sizes):
    parts, start = [], 0
    for n in sizes:
        parts.append(list(range(start, start + n)))
        start += n
    joined = ConcatDataset(parts)
    assert [joined[i] for i in range(len(joined))] == list(range(start))
    assert [joined[-1 - i] for i in range(start)] == list(range(start))[::-1]
    with pytest.raises(IndexError):
        joined[start]


def test_plus_joins():
    a, b = TensorDataset(np.arange(2)), TensorDataset(np.arange(10, 13))
    assert [int(sample[0]) for sample in a + b] == [0, 1, 10, 11, 12]


def test_subset_and_its_errors():
    assert list(Subset("abcd", [3, -4])) == ["d", "a"]
    with pytest.raises(IndexError, match="index 4 is out of range for 4 samples"):
        Subset("abcd", [4])
    with pytest.raises(InputError, match="the index must be an int, got float"):
        Subset("abcd", [1.0])
    with pytest.raises(InputError, match="dataset must be a Dataset"):
        Subset(3, [0])


@given(n=st.integers(1, 40), cuts=st.lists(st.integers(0, 40), max_size=3), seed=st.integers(0, 99))
def test_random_split_covers_the_data_once(n, cuts, seed):
    ends = [*sorted(min(c, n) for c in cuts), n]
    lengths = np.diff([0, *ends]).tolist()
    parts = random_split(list(range(n)), lengths, Generator(seed))
    if lengths != [1, *[0] * len(cuts)] and sum(lengths) > 1:
        assert [len(p) for p in parts] == lengths
    assert sorted(i for p in parts for i in p.indices) == list(range(n))


@pytest.mark.parametrize(("n", "fractions", "lengths"), [
    (10, [0.9, 0.1], [9, 1]),
    (11, [0.5, 0.5], [6, 5]),
    (8, [1 / 3, 1 / 3, 1 / 3], [3, 3, 2]),
    (10, [0.7, 0.2, 0.1], [7, 2, 1]),
    (7, [1.0], [7]),
])
def test_random_split_of_fractions(torch, n, fractions, lengths):
    found = [len(part) for part in random_split(range(n), fractions)]
    assert sum(found) == n
    assert found == [len(part) for part in torch.utils.data.random_split(range(n), fractions)] == lengths


def test_random_split_follows_its_seed():
    def split(seed):
        return [part.indices for part in random_split(range(30), [20, 10], Generator(seed))]

    assert split(1) == split(1) != split(2)
    backend.manual_seed(1)
    assert [part.indices for part in random_split(range(30), [20, 10])] == split(1)


@pytest.mark.parametrize("lengths", [[3, 4], [0.5, 0.4], [], [-1, 11], [True, 9], [9.5, 0.5], ["a"]])
def test_random_split_refuses(lengths):
    with pytest.raises(InputError, match="random_split: lengths must be"):
        random_split(range(10), lengths)
