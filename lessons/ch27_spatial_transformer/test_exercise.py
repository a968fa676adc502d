"""Chapter 27: what is checked. Run `pytest lessons/ch27_spatial_transformer`."""

import numpy as np

from minicnn.teaching.grader import Check, exercise_tests


def maps(rng):
    """theta, height, width, align_corners: no two sizes alike, one map."""
    yield rng.normal(size=(2, 2, 3)), 4, 7, False
    yield rng.normal(size=(3, 2, 3)), 5, 2, True
    yield rng.normal(size=(1, 2, 3)), 2, 3, False


def places(rng, n, oh, ow, h, w, align_corners, low, high):
    """A grid whose places are at least 0.1 pixels from any row and column of pixels; low, high: in parts of the image."""
    pixels = np.stack([np.floor(rng.uniform(low * size - 1, high * size, size=(n, oh, ow))) for size in (w, h)], axis=-1)
    pixels += rng.uniform(0.1, 0.9, size=pixels.shape)
    size = np.array([w, h])
    return 2 * pixels / (size - 1) - 1 if align_corners else (2 * pixels + 1) / size - 1


def sampling(rng, n, c, oh, ow, h, w, align_corners, low=0.0, high=1.0):
    """dy, x, grid, align_corners."""
    return (rng.normal(size=(n, c, oh, ow)), rng.normal(size=(n, c, h, w)), places(rng, n, oh, ow, h, w, align_corners, low, high),
            align_corners)


def within(rng):
    """All places inside; fewer places than pixels."""
    yield sampling(rng, 2, 3, 2, 4, 6, 9, False, 0.25, 0.7)
    yield sampling(rng, 1, 2, 3, 2, 8, 5, True, 0.3, 0.7)


def crowded(rng):
    """Many places for each pixel."""
    yield sampling(rng, 2, 2, 6, 7, 3, 4, False)
    yield sampling(rng, 1, 3, 7, 5, 4, 2, True)


def outside(rng):
    """Places beside the image and far from it."""
    yield sampling(rng, 2, 3, 5, 4, 4, 6, False, -0.5, 1.5)
    yield sampling(rng, 1, 2, 4, 6, 5, 3, True, -0.5, 1.5)


def lattice(rng):
    """The start: every place is a pixel, exactly (sizes are chosen so that no rounding occurs)."""
    for n, c, h, w, align_corners in ((2, 3, 4, 8, False), (1, 2, 5, 3, True), (2, 1, 8, 2, False)):
        ticks = [np.linspace(-1, 1, s) if align_corners else (2 * np.arange(s) + 1) / s - 1 for s in (w, h)]
        grid = np.broadcast_to(np.stack(np.meshgrid(*ticks), axis=-1), (n, h, w, 2)).copy()
        yield rng.normal(size=(n, c, h, w)), rng.normal(size=(n, c, h, w)) + 2, grid, align_corners


def gradients(rng):
    """dgrid, align_corners."""
    yield rng.normal(size=(2, 4, 7, 2)), False
    yield rng.normal(size=(3, 5, 4, 2)), True
    yield rng.normal(size=(1, 3, 2, 2)), False


CHECKS = [
    Check("affine_grid", "27.1", maps, points=2),
    Check("bilinear_sample_backward", "27.8", within, points=2, about="places between pixels"),
    Check("bilinear_sample_backward", "27.7", crowded, points=2, about="places that share pixels"),
    Check("bilinear_sample_backward", "27.12", outside, points=2, about="places outside"),
    Check("bilinear_sample_backward", "27.9", lattice, points=2, about="places on pixels, as at the start"),
    Check("affine_grid_backward", "27.3", gradients, points=2),
]

test_exercise = exercise_tests(__file__, CHECKS)
