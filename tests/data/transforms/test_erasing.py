"""Random erasing: one rectangle, of the stated law."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data.random import use_generator
from minicnn.data.transforms import RandomErasing
from minicnn.errors import InputError


@given(h=st.integers(2, 20), w=st.integers(2, 20), seed=st.integers(0, 50))
def test_what_is_erased_is_one_rectangle_inside(h, w, seed):
    image = np.ones((3, h, w), np.float32)
    with use_generator(seed):
        out = RandomErasing(p=1)(image)
    erased = out == 0
    assert np.all(erased == erased[:1])  # all channels alike
    rows, columns = np.nonzero(erased[0])
    if len(rows):
        box = np.s_[rows.min():rows.max() + 1, columns.min():columns.max() + 1]
        assert erased[0][box].all() and erased[0].sum() == erased[0][box].size < h * w
    assert np.all(image == 1)


def test_area_shape_and_place_follow_the_stated_law():
    """On a large square every try fits: area and log ratio are uniform, to 4 sigma."""
    erasing, runs, side = RandomErasing(scale=(0.1, 0.2)), 3000, 1000
    with use_generator(0):
        top, left, h, w = np.array([erasing.get_params(side, side) for _ in range(runs)]).T
    area, log_ratio = h * w / side**2, np.log(h / w)
    assert abs(area.mean() - 0.15) < 4 * 0.1 / math.sqrt(12 * runs)
    width = math.log(3.3 / 0.3)
    assert abs(log_ratio.mean() - (math.log(0.3) + math.log(3.3)) / 2) < 4 * width / math.sqrt(12 * runs)
    assert abs(log_ratio.var() - width**2 / 12) < 4 * (width / 2)**2 * math.sqrt(4 / 45 / runs)
    for start, length in ((top, h), (left, w)):
        assert abs(np.mean(start / (side - length)) - 0.5) < 4 / math.sqrt(12 * runs)


def test_every_place_is_reached():
    image, runs = np.ones((1, 3, 4), np.float32), 2000
    erasing = RandomErasing(1, scale=(1 / 12, 1 / 12), ratio=(1, 1))  # one pixel
    with use_generator(0):
        counts = sum(erasing(image)[0] == 0 for _ in range(runs))
    assert np.all(np.abs(counts - runs / 12) < 4 * math.sqrt(runs * (1 / 12) * (11 / 12)))


def test_probability():
    image, runs = np.ones((1, 10, 10), np.float32), 2000
    with use_generator(0):
        share = np.mean([RandomErasing(p=0.3)(image).min() == 0 for _ in range(runs)])
    assert abs(share - 0.3) < 4 * math.sqrt(0.3 * 0.7 / runs)


def test_ten_tries_and_then_nothing(monkeypatch):
    tries = []
    monkeypatch.setattr("minicnn.data.transforms.erasing.uniform", lambda low, high: tries.append(low) or high)
    image = np.ones((1, 6, 6), np.float32)
    too_tall = RandomErasing(p=1, scale=(1, 1), ratio=(1, 1))  # the whole image never fits
    assert too_tall(image) is image
    assert len(tries) == 2 * 10


def test_values():
    image = np.full((3, 8, 8), 0.5, np.float32)
    with use_generator(1):
        colours = RandomErasing(1, value=(0, 1, 2))(image)
    erased = colours[0] == 0
    assert erased.any() and np.all(colours[1][erased] == 1) and np.all(colours[2][erased] == 2)
    with use_generator(1):
        noise = RandomErasing(1, value="random")(image)
    assert len(np.unique(noise[:, erased])) == 3 * erased.sum() and np.all(noise[:, ~erased] == 0.5)
    with pytest.raises(InputError, match="value must be one number or 3, one per channel"):
        RandomErasing(1, value=(1, 2))(image)
    with pytest.raises(InputError, match="to erase with 'random'"):
        RandomErasing(1, value="random")(np.zeros((3, 8, 8), np.uint8))
