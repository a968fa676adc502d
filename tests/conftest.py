"""Settings that all tests share: hypothesis profiles, no windows for figures, one seed for everything random."""

import os

import numpy as np
import pytest
from hypothesis import settings

import minicnn

os.environ["MPLBACKEND"] = "Agg"

# HYPOTHESIS_PROFILE=ci draws the same examples in every run; quick, the default, draws new ones.
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def rng():
    """NumPy's generator for the numbers that a test makes itself."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _seed():
    """Every test starts from the same state of the library's own generator."""
    minicnn.manual_seed(0)
