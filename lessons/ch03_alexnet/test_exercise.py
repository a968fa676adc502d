"""Chapter 3: what is checked. Run `pytest lessons/ch03_alexnet`."""

from minicnn.teaching.grader import Check, exercise_tests


def plain_sizes(rng):
    """AlexNet's first layer both ways, its poolings, and windows without dilation."""
    yield from ((224, 11, 4, 0, 1), (227, 11, 4, 0, 1), (224, 11, 4, 2, 1), (55, 3, 2, 0, 1), (13, 3, 1, 1, 1))
    for _ in range(8):
        k = int(rng.integers(2, 8))
        yield int(rng.integers(k, 60)), k, int(rng.integers(1, 5)), int(rng.integers(0, 4)), 1


def dilated_sizes(rng):
    """Windows with holes."""
    for _ in range(10):
        k, d = int(rng.integers(2, 6)), int(rng.integers(2, 5))
        yield int(rng.integers(d * (k - 1) + 1, 60)), k, int(rng.integers(1, 5)), int(rng.integers(0, 4)), d


SHAPES = [(2, 7, 3, 4), (1, 3, 5, 2), (3, 8, 2, 1)]


def activities(windows, backward):
    """(g,) a, k, n, alpha, beta: more channels than the window and fewer, one image, all constants drawn."""
    def cases(rng):
        for n in windows:
            for shape in SHAPES:
                a = rng.normal(size=shape) * 1.5
                a = abs(a) if n % 2 and not backward else a  # as after a ReLU
                constants = rng.uniform(0.5, 3), n, rng.uniform(0.2, 0.7), rng.uniform(0.6, 1.4)
                yield (rng.normal(size=shape), a, *constants) if backward else (a, *constants)
    return cases


CHECKS = [
    Check("output_size", "3.4", plain_sizes, about="without dilation"),
    Check("output_size", "3.4", dilated_sizes, about="with dilation"),
    Check("lrn_forward", "3.7", activities((5, 3, 1), False), points=2, about="odd windows"),
    Check("lrn_forward", "3.7", activities((4, 2), False), about="even windows"),
    Check("lrn_backward", "3.9", activities((5, 3, 1), True), points=3, about="odd windows"),
    Check("lrn_backward", "3.9", activities((4, 2), True), points=2, about="even windows"),
]

test_exercise = exercise_tests(__file__, CHECKS)
