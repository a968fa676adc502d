"""Affine maps: against a loop, against torch's grid_sample, quarter turns and shifts exactly."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data import transforms as T
from minicnn.data.random import use_generator
from minicnn.data.transforms.affine import affine, affine_matrix

ANGLES = st.floats(-180, 180)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def naive(image, angle, translate, scale, shear, fill):
    """Bilinear inverse mapping, pixel by pixel, with the matrix written out as torchvision's comment has it."""
    a, sx, sy = (math.radians(v) for v in (angle, *shear))
    forward = scale * np.array([
        [math.cos(a - sy) / math.cos(sy), -math.cos(a - sy) * math.tan(sx) / math.cos(sy) - math.sin(a)],
        [math.sin(a - sy) / math.cos(sy), -math.sin(a - sy) * math.tan(sx) / math.cos(sy) + math.cos(a)]])
    channels, height, width = image.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    out = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            px, py = np.linalg.solve(forward, np.array([x, y]) - middle - translate) + middle
            total = np.zeros(channels)
            for yy in (math.floor(py), math.floor(py) + 1):
                for xx in (math.floor(px), math.floor(px) + 1):
                    weight = max(0, 1 - abs(py - yy)) * max(0, 1 - abs(px - xx))
                    total += weight * (image[:, yy, xx] if 0 <= yy < height and 0 <= xx < width else fill)
            out[:, y, x] = total
    return out


@given(angle=ANGLES, shift=st.tuples(st.integers(-3, 3), st.integers(-3, 3)), scale=st.floats(0.5, 2),
       shear=st.tuples(st.floats(-40, 40), st.floats(-40, 40)), h=st.integers(1, 6), w=st.integers(1, 6))
def test_bilinear_is_the_loop(angle, shift, scale, shear, h, w):
    image = np.random.default_rng(0).random((2, h, w))
    found = affine(image, angle, shift, scale, shear, "bilinear", fill=0.3)
    assert np.allclose(found, naive(image, angle, shift, scale, shear, 0.3), atol=1e-6)


@given(angle=ANGLES, scale=st.floats(0.5, 2), h=st.integers(2, 9), w=st.integers(2, 9))
def test_bilinear_is_torch_s_grid_sample(torch, angle, scale, h, w):
    image = np.random.default_rng(1).random((3, h, w))
    inverse = np.linalg.inv(affine_matrix(angle, scale, (10, 0)))
    aspect = np.array([[1, h / w], [w / h, 1]])  # pixels to torch's -1..1 along each axis
    theta = torch.tensor(np.c_[inverse * aspect, [0, 0]])[None]
    grid = torch.nn.functional.affine_grid(theta, (1, 3, h, w), align_corners=False)
    theirs = torch.nn.functional.grid_sample(torch.tensor(image)[None], grid, align_corners=False)[0].numpy()
    assert np.allclose(affine(image, angle, (0, 0), scale, (10, 0), "bilinear"), theirs, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("side", [4, 5])
def test_quarter_turns_are_exact_and_clockwise(side, dtype, interpolation):
    image = np.arange(2 * side * side).reshape(2, side, side).astype(dtype)
    for turns in range(-3, 5):
        found = affine(image, 90 * turns, interpolation=interpolation)
        assert np.array_equal(found, np.rot90(image, -turns, axes=(1, 2)))


@given(dx=st.integers(-4, 4), dy=st.integers(-4, 4))
def test_shifts_are_exact(dx, dy):
    image = np.arange(1, 31, dtype=np.uint8).reshape(1, 5, 6)
    found = affine(image, translate=(dx, dy), fill=99)
    for y in range(5):
        for x in range(6):
            inside = 0 <= y - dy < 5 and 0 <= x - dx < 6
            assert found[0, y, x] == (image[0, y - dy, x - dx] if inside else 99)


def test_a_corner_can_be_the_centre():
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 1, 0] = 1
    turned = affine(image, -90, center=(0, 0))  # counter-clockwise: below becomes right
    assert np.argwhere(turned[0]).tolist() == []
    turned = affine(image, -90, center=(0.5, 0.5))  # about the middle of the first pixel
    assert np.argwhere(turned[0]).tolist() == [[0, 1]]


def test_random_rotation_turns_counter_clockwise():
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    assert np.array_equal(T.RandomRotation((90, 90))(image), np.rot90(image, 1, axes=(1, 2)))
    assert np.array_equal(T.RandomAffine((90, 90))(image), np.rot90(image, -1, axes=(1, 2)))


def test_random_affine_draws_within_its_ranges(monkeypatch):
    """Every amount is uniform on its range: bounds, and means to 4 sigma."""
    drawn, runs = [], 2000
    monkeypatch.setattr("minicnn.data.transforms.affine.affine", lambda image, *amounts: drawn.append(amounts) or image)
    transform = T.RandomAffine(30, (0.1, 0.2), (0.5, 1.5), (0, 10, -20, 0))
    with use_generator(0):
        for _ in range(runs):
            transform(np.zeros((1, 100, 200), np.float32))
    values = np.array([[angle, *shift, scale, *shear] for angle, shift, scale, shear, *_ in drawn])
    ranges = [(-30, 30), (-20, 20), (-20, 20), (0.5, 1.5), (0, 10), (-20, 0)]
    for column, (low, high) in zip(values.T, ranges):
        assert low <= column.min() and column.max() <= high
        assert abs(column.mean() - (low + high) / 2) < 4 * (high - low) / math.sqrt(12 * runs)
    assert np.all(values[:, 1:3] == np.rint(values[:, 1:3]))


def test_what_is_not_asked_for_stays():
    image = np.random.default_rng(0).random((3, 6, 7)).astype(np.float32)
    assert np.allclose(T.RandomAffine(0, interpolation="bilinear")(image), image, atol=1e-6)
    assert np.array_equal(T.RandomRotation(0)(image), image)
