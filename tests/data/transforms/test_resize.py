"""Resize against a loop over pixels, against torch, and by its invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data.transforms import Resize
from minicnn.data.transforms.resize import resize

SIZES = st.integers(1, 13)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def naive(image, size, antialias):
    """The definition, pixel by pixel: weights max(0, 1 - distance / s) of all input pixels, which then sum to 1."""
    channels, height, width = image.shape
    out = np.zeros((channels, *size))
    for i in range(size[0]):
        for j in range(size[1]):
            total = 0.0
            for y in range(height):
                for x in range(width):
                    weight = 1.0
                    for place, at, old, new in ((y, i, height, size[0]), (x, j, width, size[1])):
                        s = max(1, old / new) if antialias else 1
                        weight *= max(0.0, 1 - abs(place + 0.5 - (at + 0.5) * old / new) / s)
                    out[:, i, j] += weight * image[:, y, x]
                    total += weight
            out[:, i, j] /= total
    return out


@given(h=st.integers(1, 7), w=st.integers(1, 7), oh=st.integers(1, 6), ow=st.integers(1, 6), antialias=st.booleans())
def test_bilinear_is_the_loop(h, w, oh, ow, antialias):
    image = np.random.default_rng(h * 10 + w).random((2, h, w))
    assert np.allclose(resize(image, (oh, ow), "bilinear", antialias), naive(image, (oh, ow), antialias), atol=1e-12)


@given(h=SIZES, w=SIZES, oh=SIZES, ow=st.integers(2, 13), antialias=st.booleans())
def test_bilinear_is_torch_s(torch, h, w, oh, ow, antialias):
    """Not for one output column: there torch 2.13 with antialias repeats the first row. The loop above covers it."""
    image = np.random.default_rng(h * 20 + w).random((3, h, w)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(torch.tensor(image)[None], (oh, ow), mode="bilinear", antialias=antialias)
    assert np.allclose(resize(image, (oh, ow), "bilinear", antialias), theirs[0].numpy(), atol=1e-5)


@given(h=SIZES, w=SIZES, oh=SIZES, ow=SIZES)
def test_nearest_is_torch_s(torch, h, w, oh, ow):
    image = np.arange(h * w, dtype=np.float32).reshape(1, h, w)
    theirs = torch.nn.functional.interpolate(torch.tensor(image)[None], (oh, ow), mode="nearest")
    assert np.array_equal(resize(image, (oh, ow), "nearest"), theirs[0].numpy())


@given(h=SIZES, w=SIZES, oh=SIZES, ow=SIZES, antialias=st.booleans())
def test_constants_and_symmetry_stay(h, w, oh, ow, antialias):
    flat = np.full((1, h, w), 200, np.uint8)
    assert np.array_equal(resize(flat, (oh, ow), "bilinear", antialias), np.full((1, oh, ow), 200))
    image = np.random.default_rng(w).random((1, h, w))
    mirrored = resize(image[..., ::-1], (oh, ow), "bilinear", antialias)
    assert np.allclose(mirrored, resize(image, (oh, ow), "bilinear", antialias)[..., ::-1], atol=1e-9)


def test_halving_with_and_without_antialias():
    stripes = np.tile(np.array([0.0, 0.0, 0.0, 1.0]), 4)[None, None]  # every fourth column is white
    smooth = Resize((1, 4))(stripes)
    coarse = Resize((1, 4), antialias=False)(stripes)
    assert np.allclose(smooth[0, 0, 1:3], 0.25) and np.array_equal(coarse, np.zeros((1, 1, 4)))


@pytest.mark.parametrize(("size", "max_size", "shape", "expected"), [
    (10, None, (20, 50), (10, 25)), (10, None, (50, 20), (25, 10)), (7, None, (15, 22), (7, 10)),
    (10, 20, (20, 50), (8, 20)), ((4, 9), None, (20, 50), (4, 9)), ([6], None, (12, 14), (6, 7)),
])
def test_sizes(size, max_size, shape, expected):
    out = Resize(size, max_size=max_size)(np.zeros((3, *shape), np.float32))
    assert out.shape == (3, *expected)


def test_uint8_is_rounded_and_the_result_is_a_new_array():
    image = np.array([[[0, 255]]], np.uint8)
    assert resize(image, (1, 4)).ravel().tolist() == [0, 64, 191, 255]
    assert not np.shares_memory(resize(image, (1, 2)), image)
