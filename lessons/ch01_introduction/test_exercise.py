"""Chapter 1: what is checked. Run `pytest lessons/ch01_introduction`."""

import numpy as np

from minicnn.teaching.grader import Check, exercise_tests

# N, C, H, W, F, kh, kw, stride, padding: overlapping windows, windows apart, pixels that no window reads, a batch of one.
OVERLAPPING = [(2, 3, 7, 6, 4, 3, 2, 2, 1), (1, 2, 9, 8, 3, 5, 4, 3, 2), (3, 4, 5, 7, 2, 3, 3, 1, 1)]
APART = [(2, 3, 9, 8, 4, 2, 2, 3, 1), (3, 2, 6, 7, 5, 1, 1, 2, 0)]


def operands(rng, n, c, h, w, f, kh, kw):
    """x, w, b."""
    return rng.normal(size=(n, c, h, w)) + 0.5, rng.normal(size=(f, c, kh, kw)), rng.normal(size=f)


def forward_cases(rng):
    """Arguments of conv2d_forward."""
    for *shape, stride, padding in OVERLAPPING + APART:
        yield (*operands(rng, *shape), stride, padding)


def backward_cases(shapes):
    """Arguments of conv2d_backward."""
    def cases(rng):
        for *shape, stride, padding in shapes:
            x, w, _ = operands(rng, *shape)
            oh, ow = ((n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:]))
            yield rng.normal(size=(len(x), len(w), oh, ow)) + 0.5, x, w, stride, padding
    return cases


def moderate_logits(rng):
    """Logits and labels."""
    for n, k in ((5, 3), (1, 4), (4, 7)):
        yield 2 * rng.normal(size=(n, k)), rng.integers(0, k, size=n)


def large_logits(rng):
    """Where np.exp overflows."""
    for n, k in ((3, 5), (6, 2)):
        yield 400 * rng.normal(size=(n, k)) + 900, rng.integers(0, k, size=n)


def rows_sum_to_zero(result, logits, labels):
    """(1.14): adding a constant to all logits of a row changes nothing."""
    result = np.asarray(result, dtype=float)
    if result.shape != logits.shape:
        return f"expected shape {logits.shape}, got {result.shape}"
    sums = result.sum(axis=1)
    if not np.allclose(sums, 0, atol=1e-12):
        return f"each row should sum to 0, (1.14), but the rows sum to {sums.round(6).tolist()}"
    return None


CHECKS = [
    Check("conv2d_forward", "1.3", forward_cases, points=2),
    Check("conv2d_backward", "1.9", backward_cases(OVERLAPPING), points=3, about="windows that overlap"),
    Check("conv2d_backward", "1.9", backward_cases(APART), points=1, about="a stride above the kernel's size"),
    Check("cross_entropy_backward", "1.14", moderate_logits, points=2),
    Check("cross_entropy_backward", "1.14", large_logits, about="logits near 1000"),
    Check("cross_entropy_backward", "1.14", moderate_logits, about="rows sum to 0", judge=rows_sum_to_zero),
]

test_exercise = exercise_tests(__file__, CHECKS)
