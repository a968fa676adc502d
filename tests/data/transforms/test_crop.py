"""Crops, borders and flips: what is cut is there, every place is equally likely."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data import transforms as T
from minicnn.data.random import use_generator
from minicnn.errors import InputError

SIZES = st.integers(1, 8)


def numbered(h, w):
    """An image whose pixels are all different: the value says the place."""
    return np.arange(h * w, dtype=np.float32).reshape(1, h, w)


def places(transform, image, runs, seed=0):
    """How often each value comes to stand in the upper left corner."""
    with use_generator(seed):
        return np.bincount([int(transform(image)[0, 0, 0]) for _ in range(runs)], minlength=image.size)


@given(h=SIZES, w=SIZES, left=st.integers(0, 3), t=st.integers(0, 3), r=st.integers(0, 3), b=st.integers(0, 3))
def test_pad_is_the_loop(h, w, left, t, r, b):
    image = numbered(h, w) + 1
    out = T.Pad((left, t, r, b), fill=-1)(image)
    assert out.shape == (1, h + t + b, w + left + r)
    for y in range(out.shape[1]):
        for x in range(out.shape[2]):
            inside = 0 <= y - t < h and 0 <= x - left < w
            assert out[0, y, x] == (image[0, y - t, x - left] if inside else -1)


@pytest.mark.parametrize(("mode", "row"), [("edge", [1, 1, 1, 2, 3, 3, 3]), ("reflect", [3, 2, 1, 2, 3, 2, 1]),
                                           ("symmetric", [2, 1, 1, 2, 3, 3, 2])])
def test_pad_modes(mode, row):
    assert T.Pad((2, 0), padding_mode=mode)(np.array([[[1.0, 2, 3]]]))[0, 0].tolist() == row


def test_reflect_needs_enough_pixels():
    with pytest.raises(InputError, match="padding must be below the size of the image"):
        T.Pad(3, padding_mode="reflect")(np.zeros((1, 3, 3)))


@pytest.mark.parametrize(("shape", "size", "corner"), [((6, 8), (2, 4), (2, 2)), ((5, 7), (3, 3), (1, 2)),
                                                       ((5, 5), (2, 2), (2, 2)), ((4, 4), (4, 4), (0, 0))])
def test_center_crop(shape, size, corner):
    image = numbered(*shape)
    out = T.CenterCrop(size)(image)
    assert np.array_equal(out, image[:, corner[0]:corner[0] + size[0], corner[1]:corner[1] + size[1]])


def test_center_crop_fills_up_with_zeros():
    out = T.CenterCrop((3, 4))(np.ones((1, 1, 2)))
    assert out[0].tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


@given(h=SIZES, w=SIZES, ch=SIZES, cw=SIZES, padding=st.integers(0, 2), seed=st.integers(0, 50))
def test_random_crop_is_a_part_of_the_padded_image(h, w, ch, cw, padding, seed):
    image = numbered(h, w)
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    with use_generator(seed):
        if ch > h + 2 * padding or cw > w + 2 * padding:
            with pytest.raises(InputError, match="size must be at most"):
                T.RandomCrop((ch, cw), padding or None)(image)
            assert T.RandomCrop((ch, cw), padding or None, pad_if_needed=True)(image).shape == (1, ch, cw)
            return
        out = T.RandomCrop((ch, cw), padding or None)(image)
    windows = np.lib.stride_tricks.sliding_window_view(padded[0], (ch, cw))
    assert (windows == out[0]).all(axis=(2, 3)).any()


def test_random_crop_places_are_equally_likely():
    image, runs = numbered(5, 6), 3000
    counts = places(T.RandomCrop((3, 4)), image, runs).reshape(5, 6)
    assert counts[3:].sum() == counts[:, 3:].sum() == 0
    sigma = math.sqrt(runs * (1 / 9) * (8 / 9))
    assert np.all(np.abs(counts[:3, :3] - runs / 9) < 4 * sigma)


@pytest.mark.parametrize(("flip", "turned"), [(T.RandomHorizontalFlip, np.s_[..., ::-1]),
                                              (T.RandomVerticalFlip, np.s_[..., ::-1, :])])
def test_flips(flip, turned):
    image, runs = numbered(3, 4), 2000
    assert np.array_equal(flip(1)(image), image[turned]) and np.array_equal(flip(0)(image), image)
    share = places(flip(0.3), image, runs)[0] / runs
    assert abs(share - 0.7) < 4 * math.sqrt(0.3 * 0.7 / runs)


def test_random_resized_crop_draws_areas_and_shapes_as_stated():
    """On a large square all tries fit: the area is uniform on scale, log ratio uniform, both to 4 sigma."""
    crop, runs, side = T.RandomResizedCrop(4, scale=(0.1, 0.3)), 3000, 1000
    with use_generator(1):
        draws = np.array([crop.get_params(side, side) for _ in range(runs)])
    top, left, h, w = draws.T
    area, log_ratio = h * w / side**2, np.log(w / h)
    assert np.all((top >= 0) & (left >= 0) & (top + h <= side) & (left + w <= side))
    assert abs(area.mean() - 0.2) < 4 * 0.2 / math.sqrt(12 * runs)
    assert area.min() > 0.099 and area.max() < 0.301
    half = math.log(4 / 3)
    assert abs(log_ratio.mean()) < 4 * 2 * half / math.sqrt(12 * runs)
    assert abs((log_ratio**2).mean() - half**2 / 3) < 4 * half**2 * math.sqrt(4 / 45 / runs)
    assert abs(np.mean(top / (side - h)) - 0.5) < 4 / math.sqrt(12 * runs)


@given(h=st.integers(1, 20), w=st.integers(1, 20), seed=st.integers(0, 20))
def test_random_resized_crop_gives_its_size(h, w, seed):
    image = np.full((2, h, w), 7, np.uint8)
    with use_generator(seed):
        out = T.RandomResizedCrop((5, 3))(image)
    assert out.shape == (2, 5, 3) and np.all(out == 7)


def test_after_ten_tries_the_middle_is_taken():
    never = T.RandomResizedCrop(4, scale=(4, 5))
    assert never.get_params(30, 90) == (0, 25, 30, 40)  # 4/3 of the height
    assert never.get_params(90, 30) == (25, 0, 40, 30)
    assert never.get_params(30, 30) == (0, 0, 30, 30)
