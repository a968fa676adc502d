"""Chapter 5: what is checked. Run `pytest lessons/ch05_nin`."""

from minicnn.teaching.grader import Check, exercise_tests


def convolutions(rng):
    """dy, x, w: no two sizes alike, one image, one channel, one pixel."""
    for n, c, k, h, w in ((2, 3, 5, 4, 6), (1, 4, 2, 3, 5), (3, 1, 2, 4, 5), (4, 2, 3, 1, 1)):
        yield rng.normal(size=(n, k, h, w)), rng.normal(size=(n, c, h, w)), rng.normal(size=(k, c))


def averages(rng):
    """dz, height, width."""
    for n, k, h, w in ((2, 3, 4, 5), (1, 4, 3, 2), (3, 2, 1, 6)):
        yield rng.normal(size=(n, k)), h, w


def maps(rng):
    """features, fc_weight, cls: as many images as channels or classes nowhere."""
    for n, c, k, h, w in ((3, 4, 6, 2, 5), (1, 3, 4, 5, 2), (5, 2, 3, 4, 6)):
        yield rng.normal(size=(n, c, h, w)), rng.normal(size=(k, c)), rng.integers(1, k, size=n)


def square(rng):
    """As many classes as channels, where rows and columns of the weight can be taken for each other; most classes are wrong ones."""
    yield rng.normal(size=(3, 4, 5, 2)), rng.normal(size=(4, 4)), rng.permutation(4)[:3]


CHECKS = [
    Check("conv1x1_backward", "5.2", convolutions, points=2),
    Check("gap_backward", "5.7", averages, points=2),
    Check("cam", "5.10", maps, points=2),
    Check("cam", "5.10", square, about="as many classes as channels"),
]

test_exercise = exercise_tests(__file__, CHECKS)
