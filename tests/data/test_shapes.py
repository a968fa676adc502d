"""Shapes: masks and boxes are exact, and a seed fixes every pixel."""

import hashlib

import numpy as np
import pytest

from minicnn.data import Shapes
from minicnn.data.shapes import CLASSES, _inside, _mask
from minicnn.errors import InputError


@pytest.fixture(scope="module")
def shapes():
    return Shapes(200)


def test_sizes_and_classes(shapes):
    assert shapes.data.shape == (200, 3, 32, 32) and shapes.data.dtype == np.uint8
    assert shapes.classes == list(CLASSES) and np.all(shapes.targets == np.arange(200) % 5)
    assert shapes.masks.shape == (200, 32, 32) and shapes.masks.dtype == bool
    assert shapes.boxes.shape == (200, 4) and shapes.boxes.dtype == np.int64


def test_boxes_are_the_smallest_around_the_masks(shapes):
    for mask, (left, top, right, bottom) in zip(shapes.masks, shapes.boxes):
        points = [(x, y) for y in range(32) for x in range(32) if mask[y, x]]
        xs, ys = zip(*points)
        assert (left, top, right, bottom) == (min(xs), min(ys), max(xs) + 1, max(ys) + 1)
        assert mask[top:bottom, left:right].sum() == mask.sum()


def test_every_shape_is_whole_and_neither_tiny_nor_huge(shapes):
    """The circle around it has 20 to 40 % of the image's size as radius, and lies inside."""
    left, top, right, bottom = shapes.boxes.T
    for extent in (right - left, bottom - top):
        assert extent.min() >= 0.2 * 32 * np.sqrt(2) - 1 and extent.max() <= 2 * 0.4 * 32 + 1
    assert shapes.boxes.min() >= 0 and shapes.boxes.max() <= 32


@pytest.mark.parametrize(("label", "area"), [
    (0, np.pi), (1, 2), (2, 3 * np.sqrt(3) / 4), (3, 2 * 1.92 * 0.56 - 0.56 ** 2), (4, 0.7 * np.pi)])
@pytest.mark.parametrize("angle", [0, 0.13])
def test_areas(label, area, angle):
    """Counted pixels against the formula for the area, on a fine grid."""
    size, radius_draw = 1000, 0.5
    draw = np.array([radius_draw, 0.5, 0.5, angle])
    radius = size * (0.2 + 0.2 * radius_draw)
    assert abs(_mask(label, draw, size).sum() / radius ** 2 - area) < 0.01 * area


def test_shapes_lie_in_the_unit_circle_and_are_not_each_other():
    u, v = np.meshgrid(np.linspace(-1.2, 1.2, 241), np.linspace(-1.2, 1.2, 241))
    inside = [_inside(label, u, v) for label in range(5)]
    for label, mask in enumerate(inside):
        assert not mask[u * u + v * v > 1 + 1e-9].any()
        assert mask[120, 120] == (label != 4)  # a ring has a hole
        assert all((mask != other).mean() > 0.05 for other in inside[label + 1:])


def test_the_shape_can_be_told_from_what_is_behind_it():
    """Without texture and clutter, an image has two colours, the shape's exactly on its mask."""
    plain = Shapes(50, texture=0, clutter=0)
    for image, mask in zip(plain.data, plain.masks):
        front, back = image[:, mask], image[:, ~mask]
        assert np.all(front == front[:, :1]) and np.all(back == back[:, :1])
        assert abs(front[:, 0].astype(int) - back[:, 0]).min() >= 0.3 * 255 - 1


def test_clutter_and_texture_leave_the_shapes_where_they_are():
    plain, busy = Shapes(20, texture=0, clutter=0), Shapes(20, texture=1, clutter=8)
    np.testing.assert_array_equal(plain.masks, busy.masks)
    assert all(np.any(a != b) for a, b in zip(plain.data, busy.data))
    only_bars = Shapes(20, texture=0, clutter=8)
    for image, wanted, mask in zip(only_bars.data, plain.data, plain.masks):
        np.testing.assert_array_equal(image[:, mask], wanted[:, mask])  # bars lie behind
    assert (only_bars.data != plain.data).any(axis=(1, 2, 3)).mean() > 0.9


def test_a_longer_set_begins_with_the_shorter(shapes):
    short = Shapes(7)
    np.testing.assert_array_equal(short.data, shapes.data[:7])
    np.testing.assert_array_equal(short.masks, shapes.masks[:7])


def test_seeds_and_parts_differ():
    same, again, other, test = Shapes(5), Shapes(5), Shapes(5, seed=1), Shapes(5, train=False)
    np.testing.assert_array_equal(same.data, again.data)
    assert np.any(same.masks != other.masks) and np.any(same.masks != test.masks)


def test_the_first_masks_stay_what_they_are():
    """Of the layout alone: colours are rounded, and may differ in a last bit between processors."""
    digest = hashlib.sha256(np.packbits(Shapes(20).masks)).hexdigest()
    assert digest == "97ba1235c348f1b09948ccf2a8a13f3bd98b3de12d639752879258eb62302193"


@pytest.mark.parametrize("arguments", [
    {"length": 0}, {"size": 7}, {"train": 1}, {"texture": 1.5}, {"texture": "much"}, {"clutter": 9}, {"clutter": -1}, {"seed": -1}])
def test_bad_arguments(arguments):
    with pytest.raises(InputError, match=f"Shapes: {next(iter(arguments))}"):
        Shapes(**{"length": 5, **arguments})
