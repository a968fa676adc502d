"""`pytest lessons/ch08_batch_normalization` grades exercise.py there; `--hand-in FILE` another file."""

import pytest

from minicnn.teaching.grader.plugin import add_hand_in_option, open_hand_in


def pytest_addoption(parser):
    """--hand-in FILE."""
    add_hand_in_option(parser)


@pytest.fixture(scope="module")
def hand_in(request):
    """What is graded, in a process of its own."""
    yield from open_hand_in(request)
