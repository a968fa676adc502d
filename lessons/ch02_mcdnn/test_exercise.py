"""The checks of chapter 2's homework: inputs drawn anew, no two sizes alike, one column, one image, ties, zeros, large logits."""

import numpy as np

from minicnn.teaching.grader import Check, exercise_tests


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def probabilities(rng):
    """probs: columns that disagree, a tie of votes, a probability of 0."""
    for shape in ((3, 4, 5), (2, 1, 3), (4, 7, 2), (5, 2, 3)):
        yield (softmax(3 * rng.normal(size=shape)),)
    tie = np.array([[[0.6, 0.4, 0.0]], [[0.0, 1.0, 0.0]]])
    yield (tie,)


def logits(rng):
    """logits, labels: of one size, of different sizes, huge."""
    for shape, size in (((3, 4, 5), 1.0), ((2, 7, 3), 5.0), ((4, 1, 2), 2.0), ((3, 5, 2), 300.0)):
        yield rng.normal(size=shape) * size * rng.uniform(0.5, 2, size=(shape[0], 1, 1)), rng.integers(0, shape[2], shape[1])
    yield np.array([[[1000.0, 0.0, -1000.0]], [[998.0, 999.0, 0.0]]]), np.array([1])


def numbers(rng):
    """predictions, targets."""
    for k, n in ((3, 5), (2, 7), (6, 1)):
        yield rng.normal(size=(k, n)) + 0.5, rng.normal(size=n)


def trained_with_dropout(rng):
    """x, weights, drop, a generator."""
    for (n, d, k, c), drop in (((5, 7, 3, 4), 0.2), ((1, 6, 2, 3), 0.5), ((4, 3, 6, 2), 0.7)):
        yield rng.normal(size=(n, d)), rng.normal(size=(k, d, c)), drop, np.random.default_rng(rng.integers(2**32))


CHECKS = [
    Check("committee", "2.1", probabilities, points=2),
    Check("committee_nll", "2.1", logits, points=2, about="without overflow"),
    Check("ambiguity", "2.4", numbers, points=2),
    Check("predict", "2.1", trained_with_dropout, points=1, about="in evaluation mode"),
]

test_exercise = exercise_tests(__file__, CHECKS)
