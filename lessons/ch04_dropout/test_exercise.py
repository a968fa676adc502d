"""Chapter 4: what is checked. Run `pytest lessons/ch04_dropout`."""

import numpy as np

from minicnn.teaching.grader import Check, exercise_tests


def values(rng, shape):
    """Numbers away from 0, so that a dropped entry can be told from a kept one."""
    return rng.uniform(0.5, 2, size=shape) * rng.choice([-1.0, 1.0], size=shape)


def training(rng):
    """p far from 1/2, where keep and drop cannot be told apart; many entries, so that shares can be measured."""
    for p, shape in ((0.2, (60, 45)), (0.7, (40, 3, 5, 6)), (0.5, (50, 31))):
        yield values(rng, shape), values(rng, shape), p, True, np.random.default_rng(int(rng.integers(2**31)))


def nothing_to_drop(rng):
    """p = 0, and a batch of one."""
    yield values(rng, (3, 4)), values(rng, (3, 4)), 0.0, True, np.random.default_rng(1)
    yield values(rng, (1, 5)), values(rng, (1, 5)), 0.0, True, np.random.default_rng(2)


def evaluation(rng):
    """Where dropout does nothing."""
    for p, shape in ((0.3, (4, 5)), (0.8, (1, 2, 3, 4))):
        yield values(rng, shape), values(rng, shape), p, False, np.random.default_rng(3)


def two_arrays(result, x):
    """y and dx, or a sentence."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        return None, "expected the two results (y, dx)"
    for name, array in zip(("y", "dx"), result):
        if not isinstance(array, np.ndarray) or array.shape != x.shape or array.dtype != x.dtype:
            return None, f"{name} should be an array of dtype {x.dtype} and shape {x.shape}"
    return result, None


def share_within_chance(kept, p):
    """None if the share of kept entries is 1 - p up to 6 standard deviations."""
    spread = 6 * np.sqrt(p * (1 - p) / kept.size)
    if abs(kept.mean() - (1 - p)) > spread:
        return f"{kept.mean():.1%} of the entries are kept, expected {1 - p:.0%} (p = {p} drops)"
    return None


def forward_of_training(result, x, dy, p, training, rng):
    """Entries of y are 0 or x / (1 - p), the share 1 - p, entry by entry on its own."""
    both, trouble = two_arrays(result, x)
    if trouble:
        return trouble
    y, kept = both[0], both[0] != 0
    flat = kept.reshape(len(x), -1)
    if kept.any() and not kept.all() and any(np.isin(flat.mean(axis=axis), (0, 1)).all() for axis in (0, 1)):
        return "entries are dropped together, a whole example or the same ones in all examples; each has a mask of its own"
    trouble = share_within_chance(kept, p)
    if trouble:
        return trouble
    ratio = y[kept] / x[kept]
    if not np.allclose(ratio, 1 / (1 - p), rtol=1e-9):
        return f"kept entries are {ratio.mean():.4g} times x, expected {1 / (1 - p):.4g} times"
    return None


def backward_of_training(result, x, dy, p, training, rng):
    """dx is dy with the factor that y has: the same mask."""
    both, trouble = two_arrays(result, x)
    if trouble:
        return trouble
    y, dx = both
    if not (y != 0).any() or not (y == 0).any():
        return "in training some entries are dropped and some kept"
    if ((dx != 0) != (y != 0)).any():
        return f"dx and y should be 0 at the same places, but are not at {int(((dx != 0) != (y != 0)).sum())} of {y.size}"
    kept = y != 0
    if not np.allclose(dx[kept] / dy[kept], y[kept] / x[kept], rtol=1e-9):
        return "where an entry is kept, dx / dy should be y / x, the same factor forward and backward"
    return None


def regression(rng):
    """y, x, w, p."""
    for n, d, p in ((6, 4, 0.8), (1, 3, 0.3), (5, 1, 0.55)):
        yield rng.normal(size=n), rng.normal(size=(n, d)) * rng.uniform(0.3, 3, size=d), rng.normal(size=d) + 1, p


def weights(rng):
    """Rows inside the ball and outside, one of zeros; more rows than columns, and fewer."""
    for shape, c in (((7, 3), 1.3), ((4, 6), 2.0), ((5, 1), 0.7)):
        w = rng.normal(size=shape) * rng.uniform(0.2, 2.5, size=(shape[0], 1))
        w[0], w[1] = 3.1 * c, 0.01 * c
        w[-1] = 0
        yield w, c


CHECKS = [
    Check("dropout", "4.4", training, points=2, about="forward, in training", judge=forward_of_training),
    Check("dropout", "4.5", training, points=2, about="backward, in training", judge=backward_of_training),
    Check("dropout", "4.4", evaluation, about="evaluation"),
    Check("dropout", "4.4", nothing_to_drop, about="p = 0"),
    Check("expected_loss", "4.7", regression, points=2),
    Check("max_norm", "4.10", weights, points=2),
]

test_exercise = exercise_tests(__file__, CHECKS)
