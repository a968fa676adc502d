"""The checks of chapter 8's homework: inputs drawn anew, no two sizes alike, a batch of one, a small variance beside eps."""

import numpy as np

from minicnn.teaching.grader import Check, exercise_tests

SHAPES = [(4, 3, 2, 5), (2, 4, 3, 1), (1, 2, 5, 3), (7, 1, 1, 2)]


def forward_cases(training):
    """Arguments of batchnorm_forward."""
    def cases(rng):
        for shape in SHAPES:
            c = shape[1]
            x = rng.normal(size=shape) * rng.uniform(0.05, 2) + rng.normal()
            yield (x, rng.normal(size=c) + 2, rng.normal(size=c) + 1, rng.normal(size=c), rng.uniform(0.5, 2, size=c), training,
                   rng.uniform(0.05, 0.4), 1e-2)
    return cases


def backward_cases(rng):
    """Arguments of batchnorm_backward."""
    for shape in SHAPES:
        x, dy = rng.normal(size=shape) * rng.uniform(0.05, 2) + rng.normal(), rng.normal(size=shape) + 0.5
        yield dy, x, rng.normal(size=shape[1]) + 2, 1e-2


def invariants(result, dy, x, gamma, eps):
    """(8.5) and (8.6), which need no reference: dx sums to 0, and its sum against x^ is what eps leaves over."""
    dx = np.asarray(result[0], dtype=float)
    mean, var = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    normal = (x - mean) / np.sqrt(var + eps)
    size = abs(dx).sum(axis=(0, 2, 3)) + 1e-12
    if (abs(dx.sum(axis=(0, 2, 3))) > 1e-9 * size).any():
        return f"dx should sum to 0 in every channel (8.5), but sums to {dx.sum(axis=(0, 2, 3)).round(6).tolist()}"
    expected = (dy * normal).sum(axis=(0, 2, 3)) * gamma * (eps / (var + eps) ** 1.5).reshape(-1)
    got = (dx * normal).sum(axis=(0, 2, 3))
    if not np.allclose(got, expected, rtol=1e-7, atol=1e-9):
        return f"dx x^ should sum to {expected.round(6).tolist()} (8.6), but sums to {got.round(6).tolist()}"
    return None


CHECKS = [
    Check("batchnorm_forward", "8.2", forward_cases(training=True), points=2, about="training, with the running statistics"),
    Check("batchnorm_forward", "8.10", forward_cases(training=False), points=1, about="evaluation"),
    Check("batchnorm_backward", "8.4", backward_cases, points=3, about="dx, dgamma, dbeta"),
    Check("batchnorm_backward", "8.5", backward_cases, points=1, about="the two invariants of dx", judge=invariants),
]

test_exercise = exercise_tests(__file__, CHECKS)
