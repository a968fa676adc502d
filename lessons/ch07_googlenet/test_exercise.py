"""Chapter 7: what is checked. Run `pytest lessons/ch07_googlenet`."""

from minicnn.teaching.grader import Check, exercise_tests


def module(rng, n, c, h, w, n1, r3, n3, r5, n5, pool):
    """x and the six weights."""
    shapes = ((n1, c, 1), (r3, c, 1), (n3, r3, 3), (r5, c, 1), (n5, r5, 5), (pool, c, 1))
    return (rng.normal(size=(n, c, h, w)) - 0.3, *(rng.normal(size=(out, inner, k, k)) for out, inner, k in shapes))


def modules(rng):
    """All widths different; a batch of one; pictures that are not square."""
    yield module(rng, 3, 5, 6, 7, 2, 4, 3, 3, 6, 5)
    yield module(rng, 1, 6, 8, 5, 5, 3, 2, 2, 4, 3)


def equal_widths(rng):
    """Four branches of the same width on square pictures: where joining along a wrong axis raises no error."""
    yield module(rng, 2, 3, 6, 6, 4, 3, 4, 3, 4, 4)
    yield module(rng, 1, 5, 5, 5, 3, 4, 3, 4, 3, 3)


def with_gradient(cases):
    """The same with dy in front."""
    def generate(rng):
        for x, *weights in cases(rng):
            w1, _, w3, _, w5, wp = weights
            yield (rng.normal(size=(len(x), len(w1) + len(w3) + len(w5) + len(wp), *x.shape[2:])), x, *weights)
    return generate


def costs(rng):
    """Widths and sizes, all different; row 3a of Table 1."""
    for _ in range(3):
        yield tuple(int(n) for n in rng.choice(range(1, 40), size=9, replace=False))
    yield 192, 64, 96, 128, 16, 32, 32, 28, 28


CHECKS = [
    Check("inception_forward", "7.1", modules, points=2),
    Check("inception_forward", "7.1", equal_widths, about="branches of one width"),
    Check("inception_backward", "7.5", with_gradient(modules), points=3),
    Check("inception_backward", "7.5", with_gradient(equal_widths), about="branches of one width"),
    Check("module_cost", "7.7", costs, points=2),
]

test_exercise = exercise_tests(__file__, CHECKS)
