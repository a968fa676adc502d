"""Chapter 9: what is checked. Run `pytest lessons/ch09_rectifiers`."""

import math

import numpy as np

from minicnn.teaching.grader import Check, exercise_tests


def rectified(rng):
    """g, y, a: no entry of y near 0, a batch of one, slopes of both signs."""
    for shape in ((3, 4, 5, 2), (1, 3, 2, 6), (5, 2, 1, 3)):
        y = rng.uniform(0.1, 2, size=shape) * rng.choice([-1.0, 1.0], size=shape)
        yield rng.normal(size=shape) + 0.4, y, rng.normal(size=shape[1])


SHAPES = [(30, 20, 5, 3), (60, 90), (12, 50, 3, 3), (70, 15, 2, 4)]
OPTIONS = [(0.0, "fan_in"), (0.6, "fan_out"), (0.0, "fan_out"), (0.6, "fan_in")]


def rules(rng):
    """Shapes whose sizes all differ, with and without a slope, by either fan."""
    for shape in SHAPES:
        for a, mode in OPTIONS:
            yield shape, a, mode


def draws(rng):
    """The same, a generator each."""
    for shape, (a, mode) in zip(SHAPES, OPTIONS):
        yield shape, a, mode, np.random.default_rng(int(rng.integers(2**31)))


def follows_the_law(result, shape, a, mode, rng):
    """Mean, variance and fourth moment within 6 standard deviations of the normal law's; no two filters alike."""
    if not isinstance(result, np.ndarray) or result.dtype != np.float64 or result.shape != tuple(shape):
        return f"expected a float64 array of shape {tuple(shape)}, got " + (
            f"{result.dtype} {result.shape}" if isinstance(result, np.ndarray) else type(result).__name__)
    fan = (shape[1] if mode == "fan_in" else shape[0]) * math.prod(shape[2:])
    wanted, n = math.sqrt(2 / ((1 + a * a) * fan)), result.size
    t = result / wanted
    if abs(t.mean()) > 6 / math.sqrt(n):
        return f"the mean is {result.mean():.3g}, expected 0 with a standard deviation of {wanted:.3g}"
    spread = 6 * math.sqrt(2 / n)  # of the mean of t^2, whose variance is 2 / n
    if abs((t**2).mean() - 1) > spread:
        return f"the variance is {(result**2).mean():.4g}, expected {wanted**2:.4g}, which is 2 / ((1 + a^2) {fan})"
    if abs((t**4).mean() - 3) > 6 * math.sqrt(96 / n):  # E t^8 - (E t^4)^2 = 105 - 9
        return f"the fourth moment is {(t**4).mean():.2f} times the variance squared; a normal law has 3, a uniform one 1.8"
    rows = t.reshape(len(t), -1)
    if abs(np.corrcoef(rows[0], rows[1])[0, 1]) > 0.999:
        return "two filters are the same: the weights are independent"
    return None


CHECKS = [
    Check("prelu_backward", "9.2", rectified, points=2),
    Check("kaiming_std", "9.12", rules, points=2),
    Check("kaiming_normal_", "9.12", draws, points=2, judge=follows_the_law),
]

test_exercise = exercise_tests(__file__, CHECKS)
