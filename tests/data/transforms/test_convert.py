"""ToImage, ToDtype, ToTensor, Normalize."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data import transforms as T
from minicnn.errors import InputError


def test_arrays_become_channels_first(rng):
    hwc = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    image = T.ToImage()(hwc)
    assert image.shape == (3, 5, 6) and image.flags.c_contiguous
    assert all(image[c, y, x] == hwc[y, x, c] for c in range(3) for y in range(5) for x in range(6))
    assert T.ToImage()(image) is image  # (C, H, W) already
    assert T.ToImage()(hwc[..., 0]).shape == (1, 5, 6)
    for shape in ((2,), (7, 8, 9), (1, 2, 3, 3)):
        with pytest.raises(InputError, match="1 to 4 channels"):
            T.ToImage()(np.zeros(shape))
    with pytest.raises(InputError, match="a Pillow image or a NumPy array, got list"):
        T.ToImage()([1])


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
def test_pictures(mode, channels):
    picture = pytest.importorskip("PIL.Image").new(mode, (6, 5))
    picture.putpixel((4, 2), tuple(range(10, 10 + channels)) if channels > 1 else 10)
    image = T.ToImage()(picture)
    assert image.shape == (channels, 5, 6) and image.dtype == np.uint8
    assert image[:, 2, 4].tolist() == list(range(10, 10 + channels)) and image.sum() == image[:, 2, 4].sum()


def test_a_palette_is_refused():
    with pytest.raises(InputError, match=r"got mode P. Write picture.convert\('RGB'\) first"):
        T.ToImage()(pytest.importorskip("PIL.Image").new("P", (2, 2)))


def test_to_tensor_is_from_0_to_1():
    image = T.ToTensor()(np.array([[[0, 51, 255]]], np.uint8))
    assert image.dtype == np.float32 and np.allclose(image[:, 0, 0], [0, 0.2, 1])


def test_every_level_survives_the_way_to_floats_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    floats = T.ToDtype(np.float32, scale=True)(levels)
    assert floats.min() == 0 and floats.max() == 1
    assert np.array_equal(T.ToDtype(np.uint8, scale=True)(floats), levels)
    assert T.ToDtype(scale=True)(levels).dtype == np.float32
    assert T.ToDtype(np.float32)(levels).max() == 255  # scale=False: the numbers stay
    assert T.ToDtype(np.float64, scale=True)(floats).dtype == np.float64
    assert np.array_equal(T.ToDtype(np.float64, scale=True)(floats), floats)
    assert T.ToDtype(np.uint8, scale=True)(np.array([[[-0.5, 0.999, 7.0]]])).ravel().tolist() == [0, 255, 255]


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 3)), min_size=1, max_size=4))
def test_normalize(channels):
    mean, std = zip(*channels)
    image = np.random.default_rng(0).random((len(channels), 3, 4))
    out = T.Normalize(mean, std)(image)
    for c in range(len(channels)):
        assert np.allclose(out[c], (image[c] - mean[c]) / std[c])


def test_normalize_keeps_float32_and_checks():
    assert T.Normalize(0.5, 0.5)(np.ones((3, 2, 2), np.float32)).dtype == np.float32
    with pytest.raises(InputError, match="of floats, got dtype uint8. Put ToDtype"):
        T.Normalize(0, 1)(np.zeros((3, 2, 2), np.uint8))
    with pytest.raises(InputError, match="std must be of length 3, the channels of the image, got 2"):
        T.Normalize([0, 0, 0], [1, 1])(np.zeros((3, 2, 2)))
