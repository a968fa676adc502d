"""Colour: hue against colorsys, factors by their formulas, the law of the draws."""

import colorsys
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data import transforms as T
from minicnn.data.random import use_generator
from minicnn.data.transforms import color as C
from minicnn.errors import InputError

UNIT = st.floats(0, 1)


def pixel(*rgb):
    return np.array(rgb, float)[:, None, None]


@given(UNIT, UNIT, UNIT)
def test_hsv_is_colorsys_s(r, g, b):
    h, s, v = (float(part[0, 0]) for part in C.hue_saturation_value(pixel(r, g, b)))
    hue, *others = colorsys.rgb_to_hsv(r, g, b)
    assert abs((h - hue + 0.5) % 1 - 0.5) < 1e-12  # on a circle: 1 is 0
    assert np.allclose((s, v), others, atol=1e-12)


@given(UNIT, UNIT, UNIT)
def test_rgb_is_colorsys_s(h, s, v):
    found = C.red_green_blue(*(np.array([[part]]) for part in (h, s, v)))
    assert np.allclose(found.ravel(), colorsys.hsv_to_rgb(h, s, v), atol=1e-12)


def test_hue_turns_red_to_green_to_blue():
    red = pixel(1, 0, 0)
    assert np.allclose(C.adjust_hue(red, 1 / 3), pixel(0, 1, 0))
    assert np.allclose(C.adjust_hue(red, -1 / 3), pixel(0, 0, 1))


def test_uint8_hue_keeps_every_grey_and_a_shift_of_0_keeps_all():
    image = np.random.default_rng(0).integers(0, 256, (3, 20, 20)).astype(np.uint8)
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), 3, axis=0)
    assert np.array_equal(C.adjust_hue(grey, 0.3), grey)
    assert np.abs(C.adjust_hue(image, 0).astype(int) - image).max() <= 1


@given(factor=st.floats(0, 3), seed=st.integers(0, 9))
def test_adjustments_by_their_formulas(factor, seed):
    x = np.random.default_rng(seed).random((3, 4, 5))
    luminance = 0.2989 * x[0] + 0.587 * x[1] + 0.114 * x[2]
    assert np.allclose(C.adjust_brightness(x, factor), np.clip(factor * x, 0, 1))
    assert np.allclose(C.adjust_contrast(x, factor), np.clip(factor * x + (1 - factor) * luminance.mean(), 0, 1))
    assert np.allclose(C.adjust_saturation(x, factor), np.clip(factor * x + (1 - factor) * luminance, 0, 1))


def test_factor_1_changes_nothing_and_factor_0_all():
    image = np.random.default_rng(0).integers(0, 256, (3, 6, 6)).astype(np.uint8)
    for adjust in (C.adjust_brightness, C.adjust_contrast, C.adjust_saturation):
        assert np.array_equal(adjust(image, 1), image)
    assert C.adjust_brightness(image, 0).max() == 0
    assert np.ptp(C.adjust_contrast(image, 0)) == 0
    assert np.array_equal(C.adjust_saturation(image, 0), T.Grayscale(3)(image))


def test_uint8_is_cut_off_as_in_torchvision():
    assert C.adjust_brightness(np.full((1, 1, 1), 101, np.uint8), 0.5).item() == 50
    assert T.Grayscale()(np.array([[[1]], [[2]], [[3]]], np.uint8)).item() == 1  # 1.8149


def test_jitter_draws_brightness_from_its_range():
    image, runs = np.full((1, 1, 1), 0.25), 2000
    with use_generator(0):
        factors = np.array([T.ColorJitter(brightness=0.4)(image).item() / 0.25 for _ in range(runs)])
    assert 0.6 <= factors.min() and factors.max() <= 1.4
    assert abs(factors.mean() - 1) < 4 * 0.8 / math.sqrt(12 * runs)
    assert abs(factors.var() - 0.8**2 / 12) < 4 * 0.4**2 * math.sqrt(4 / 45 / runs)


def test_jitter_of_nothing_and_of_a_grey_image():
    image = np.random.default_rng(0).random((1, 4, 4))
    assert T.ColorJitter()(image) is image
    assert T.ColorJitter(saturation=0.5, hue=0.5)(image) is image
    assert T.ColorJitter((2, 2))(image).max() <= 1
    with pytest.raises(InputError, match="of 1 or 3 channels, got 2 channels"):
        T.ColorJitter(1)(np.zeros((2, 3, 3)))


def test_the_order_of_jitter_is_random():
    image = np.random.default_rng(0).random((3, 2, 2))
    jitter = T.ColorJitter((2, 2), (0.5, 0.5))  # twice as bright and half the contrast: clipping makes the order matter
    with use_generator(0):
        results = {jitter(image).tobytes() for _ in range(30)}
    one = C.adjust_contrast(C.adjust_brightness(image, 2), 0.5)
    two = C.adjust_brightness(C.adjust_contrast(image, 0.5), 2)
    assert results == {one.tobytes(), two.tobytes()}


def test_pca_lighting_is_one_shift_with_the_stated_covariance():
    image, runs = np.zeros((3, 2, 2)), 4000
    lighting = T.PCALighting(0.5)
    with use_generator(0):
        shifts = np.array([lighting(image) for _ in range(runs)])
    assert np.ptp(shifts, axis=(2, 3)).max() == 0
    along = shifts[:, :, 0, 0] @ np.linalg.inv(lighting.eigvec).T / lighting.eigval  # the three draws
    assert np.all(np.abs(along.mean(axis=0)) < 4 * 0.5 / math.sqrt(runs))
    assert np.all(np.abs(along.var(axis=0) - 0.25) < 4 * 0.25 * math.sqrt(2 / runs))


def test_pca_lighting_fit_finds_the_covariance():
    images = np.random.default_rng(0).random((5, 3, 4, 4)) * np.array([1, 2, 3])[:, None, None]
    lighting = T.PCALighting.fit(images)
    pixels = np.array([images[n, :, y, x] for n in range(5) for y in range(4) for x in range(4)])
    centred = pixels - pixels.mean(axis=0)
    covariance = centred.T @ centred / (len(pixels) - 1)
    assert np.allclose(lighting.eigvec * lighting.eigval @ lighting.eigvec.T, covariance)
    assert np.all(np.diff(lighting.eigval) < 0)
    with pytest.raises(InputError, match="of floats, with 3 channels"):
        lighting(np.zeros((3, 2, 2), np.uint8))
