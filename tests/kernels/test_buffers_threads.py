"""The pool never hands out memory that someone still sees; parallel_for covers each item once and passes errors on."""

import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn
from minicnn.errors import InputError
from minicnn.kernels import buffers, threads


def test_a_block_is_reused_only_when_no_view_is_left():
    buffers.trim_pool()
    a = buffers.empty((200, 300), np.float32)
    address = a.ctypes.data
    view = a.reshape(-1)[5:].T
    del a
    b = buffers.empty((200, 300), np.float32)
    assert b.ctypes.data != address
    del view
    assert buffers.empty((200, 300), np.float32).ctypes.data == address


def test_small_arrays_do_not_come_from_the_pool():
    before = buffers.pool_bytes()
    assert buffers.empty((10,), np.float32).base is None and buffers.pool_bytes() == before


def test_trim_gives_memory_back():
    a = buffers.empty((1 << 18,), np.float32)
    del a
    buffers.trim_pool()
    held = buffers.pool_bytes()
    b = buffers.empty((1 << 18,), np.float32)
    assert buffers.pool_bytes() >= held + (1 << 20)
    del b
    buffers.trim_pool()
    assert buffers.pool_bytes() == held


def test_channels_last_layouts():
    a = buffers.empty_nhwc(2, 3, 4, 5, np.float32)
    assert a.shape == (2, 3, 4, 5) and buffers.is_channels_last(a)
    assert buffers.is_channels_last(buffers.empty_like(a))
    assert not buffers.is_channels_last(np.empty((2, 3, 4, 5)))


def test_two_threads_never_get_the_same_block():
    got, barrier = [], threading.Barrier(4)

    def take():
        barrier.wait()
        got.extend(buffers.empty((64, 1024), np.float32) for _ in range(20))

    workers = [threading.Thread(target=take) for _ in range(4)]
    [t.start() for t in workers]
    [t.join() for t in workers]
    assert len({a.ctypes.data for a in got}) == len(got)


@pytest.fixture
def three_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(3)
    yield
    threads.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_parallel_for_covers_each_item_once(three_threads, count):
    hits = np.zeros(count, int)
    threads.parallel_for(count, lambda i, j: np.add.at(hits, np.arange(i, j), 1))
    assert (hits == 1).all()


@given(st.integers(1, 300), st.integers(2, 5), st.sampled_from([1, 8, 16]), st.floats(0, 1))
def test_ranges_begin_at_multiples_and_the_first_is_longest(count, parts, step, lead):
    edges = threads._edges(count, parts, step, lead)
    lengths = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == count and len(lengths) == parts and min(lengths) >= 0
    assert all(edge % step == 0 or edge == count for edge in edges)
    assert lengths[0] >= count * (1 + lead * (parts - 1)) / parts - step
    assert all(length <= count * (1 - lead) / parts + step for length in lengths[1:])


def test_nested_work_is_not_cut_again(three_threads):
    seen = []
    threads.parallel_for(3, lambda i, j: threads.parallel_for(10, lambda a, b: seen.append((a, b))))
    assert seen == [(0, 10)] * 3


def test_an_error_in_a_part_reaches_the_caller(three_threads):
    def work(i, j):
        if i > 0:
            raise KeyError(i)

    with pytest.raises(KeyError):
        threads.parallel_for(3, work)
    threads.parallel_for(3, lambda i, j: None)


def test_parts_follow_the_callers_errstate(three_threads):
    def work(i, j):
        if i > 0:  # in a helping thread
            np.array(1.0) / np.array(0.0)

    with np.errstate(divide="ignore"):
        threads.parallel_for(3, work)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.parallel_for(3, work)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        threads.parallel_for(3, work)


def test_blas_is_restored_when_threads_are_left_to_it():
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(1)
        assert threads.blas_threads() in (1, None)
        threads.set_num_threads(None)
        assert threads.get_num_threads() == 1 and threads.blas_threads() == threads._blas_before
    finally:
        threads.set_num_threads(before)


@pytest.mark.parametrize("n", [0, -1, 1.5, True])
def test_set_num_threads_refuses(n):
    with pytest.raises(InputError, match="set_num_threads: n must be"):
        threads.set_num_threads(n)


def test_threads_can_be_changed_while_others_work(three_threads):
    hits, stop = [], threading.Event()

    def keep_working():
        while not stop.is_set():
            covered = np.zeros(6, int)
            threads.parallel_for(6, lambda i, j, covered=covered: np.add.at(covered, np.arange(i, j), 1))
            hits.append((covered == 1).all())

    worker = threading.Thread(target=keep_working)
    worker.start()
    for n in (1, 3, 2, 4, 1, 3):
        threads.set_num_threads(n)
    stop.set()
    worker.join(timeout=30)
    assert not worker.is_alive() and hits and all(hits)


def test_sole_knows_whether_anyone_else_sees_a_block():
    a = buffers.empty((200, 300), np.float32)
    assert buffers.sole(a)
    view = a.T
    assert not buffers.sole(a)
    del view
    assert buffers.sole(a.reshape(-1)) is False  # the name a is another holder of the block
    assert not buffers.sole(np.zeros(3)) and not buffers.sole(np.zeros((200, 300), np.uint8)[1:])
    assert not buffers.sole(buffers.empty((200, 300), np.float32)[:10])  # it would keep a large block alive


def test_a_training_step_allocates_nothing_large_once_it_has_run(rng):
    """In the steady state the pool stops growing, and NumPy allocates only work space of a chunk (1 MB) outside it."""
    nn = minicnn.nn
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.GELU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2048, 128), nn.LayerNorm(128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = minicnn.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    x, y = minicnn.tensor(rng.normal(size=(96, 3, 32, 32)).astype(np.float32)), minicnn.tensor(rng.integers(0, 10, 96))

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    buffers.trim_pool()
    before = buffers.pool_bytes()
    for _ in range(3):
        step()
    held = buffers.pool_bytes()
    tracemalloc.start()
    try:
        step()
        outside = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert buffers.pool_bytes() == held and held - before > 30e6
    assert outside < 3e6
