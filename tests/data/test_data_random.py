"""Lent streams: whose turn it is, and that no two seeds are alike."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from minicnn.backend import Generator, default_generator
from minicnn.data.random import current_generator, stream_seed, use_generator


def test_the_default_stream_unless_one_is_lent():
    assert current_generator() is default_generator()
    mine, inner = Generator(1), Generator(2)
    with use_generator(mine):
        assert current_generator() is mine
        with use_generator(inner):
            assert current_generator() is inner
        assert current_generator() is mine
    assert current_generator() is default_generator()


def test_a_seed_begins_one_stream_that_goes_on():
    with use_generator(5):
        first, second = current_generator().uniform(), current_generator().uniform()
    twin = Generator(5)
    assert (first, second) == (twin.uniform(), twin.uniform()) and first != second


def test_a_lent_stream_belongs_to_its_thread():
    seen = []
    with use_generator(Generator(1)):
        thread = threading.Thread(target=lambda: seen.append(current_generator()))
        thread.start()
        thread.join()
    assert seen == [default_generator()]


TRIPLES = st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2), st.integers(0, 10**9))


@given(st.lists(TRIPLES, unique=True, min_size=2))
def test_seeds_differ(triples):
    assert len({stream_seed(*triple) for triple in triples}) == len(triples)
