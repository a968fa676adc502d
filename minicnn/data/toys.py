"""Points in the plane: two sets to classify, and densities to learn, with their exact values.

Each takes `generator=`, default the default stream. Points are float32 (n, 2).
"""

import math

import numpy as np

from ..errors import InputError
from ..functions import exp, floor, log, logsumexp, stack, where
from .random import current_generator
from .sampler import whole

__all__ = ["spirals", "two_moons", "Density", "GaussianMixture", "Rings", "Checkerboard", "Banana", "eight_gaussians",
           "rings", "checkerboard", "banana"]


def _noise(function, noise):
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise < math.inf:
        raise InputError(function, "noise", "a number >= 0", repr(noise))
    return noise


def spirals(n=300, classes=3, turns=0.75, noise=0.05, generator=None):
    """Arms of a spiral round the origin: (x (n, 2), labels (n,)), point i in arm i mod classes.

    Along an arm the radius r is uniform on [0, 1] and the angle is 2 pi (turns r + arm / classes); then normal noise of
    the given standard deviation is added.
    """
    n, classes = whole("spirals", "n", n, 1), whole("spirals", "classes", classes, 1)
    generator = generator or current_generator()
    labels = np.arange(n) % classes
    radius = generator.uniform((n,))
    angle = 2 * np.pi * (turns * radius + labels / classes)
    points = (radius * np.stack([np.cos(angle), np.sin(angle)])).T
    return (points + generator.normal((n, 2), std=_noise("spirals", noise))).astype(np.float32), labels


def two_moons(n=300, noise=0.1, generator=None):
    """Two half circles that reach into each other: (x (n, 2), labels (n,)), point i in moon i mod 2.

    Moon 0: (cos a, sin a); moon 1: (1 - cos a, 1/2 - sin a); a uniform on [0, pi]; plus normal noise.
    """
    n = whole("two_moons", "n", n, 1)
    generator = generator or current_generator()
    labels = np.arange(n) % 2
    angle = generator.uniform((n,), 0, np.pi)
    x = np.where(labels == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(labels == 0, np.sin(angle), 0.5 - np.sin(angle))
    points = np.stack([x, y], axis=1) + generator.normal((n, 2), std=_noise("two_moons", noise))
    return points.astype(np.float32), labels


# ---------------------------------------------------------------------------------------------------- densities

class Density:
    """A density p on the plane, known exactly: `log_prob(x)` = log p(x), and `sample(n)` draws from p.

    log_prob takes an array or a tensor (n, 2) and returns (n,); tensors get gradients. The integral of p is 1.
    """

    def log_prob(self, x):
        """log p at each row of x (n, 2)."""
        if getattr(x, "ndim", 0) != 2 or x.shape[1] != 2:
            raise InputError(f"{type(self).__name__}.log_prob", "x", "points (n, 2)",
                             f"shape {getattr(x, 'shape', None)}")
        return self._log_prob(x[:, 0], x[:, 1])

    def sample(self, n, generator=None):
        """n independent points from p, float32 (n, 2)."""
        n = whole(f"{type(self).__name__}.sample", "n", n)
        return self._sample(n, generator or current_generator()).astype(np.float32)


class GaussianMixture(Density):
    """p(x) = mean over k of N(x; centre_k, std^2 I)."""

    def __init__(self, centres, std):
        self.centres, self.std = [(float(a), float(b)) for a, b in centres], std

    def _log_prob(self, x, y):
        terms = [((x - a) ** 2 + (y - b) ** 2) * (-0.5 / self.std ** 2) for a, b in self.centres]
        return logsumexp(stack(terms, dim=1), dim=1) - math.log(2 * math.pi * self.std ** 2 * len(terms))

    def _sample(self, n, generator):
        which = generator.integers(0, len(self.centres), (n,))
        return np.array(self.centres)[which] + generator.normal((n, 2), std=self.std)


class Rings(Density):
    """p(x) = mean over k of N(|x|; r_k, std^2) / (2 pi |x|): a radius near r_k, and any direction.

    The normal law of the radius reaches below 0 by a share that is negligible for r_k > 8 std.
    """

    def __init__(self, radii, std):
        self.radii, self.std = [float(r) for r in radii], std

    def _log_prob(self, x, y):
        log_radius = 0.5 * log(x ** 2 + y ** 2 + 1e-30)  # finite at the origin
        terms = [(exp(log_radius) - r) ** 2 * (-0.5 / self.std ** 2) for r in self.radii]
        norm = 0.5 * math.log(2 * math.pi * self.std ** 2) + math.log(2 * math.pi * len(terms))
        return logsumexp(stack(terms, dim=1), dim=1) - log_radius - norm

    def _sample(self, n, generator):
        radius = np.array(self.radii)[generator.integers(0, len(self.radii), (n,))] + generator.normal((n,), std=self.std)
        angle = generator.uniform((n,), 0, 2 * np.pi)
        return (radius * np.stack([np.cos(angle), np.sin(angle)])).T


class Checkerboard(Density):
    """p = 1 / (2 * side^2) on every other unit square of [-side, side)^2, those with floor(x) + floor(y) even; else 0."""

    def __init__(self, side):
        self.side = side

    def _log_prob(self, x, y):
        parity = floor(x) + floor(y)
        on_board = (x >= -self.side) & (x < self.side) & (y >= -self.side) & (y < self.side)
        number = np.result_type(x.dtype, np.float32).type  # where(mask, 1.0, 2.0) would be float64
        return where(on_board & (floor(parity / 2) * 2 == parity), number(-math.log(2 * self.side ** 2)), number(-math.inf))

    def _sample(self, n, generator):
        column = generator.integers(-self.side, self.side, (n,))
        row = 2 * generator.integers(0, self.side, (n,)) - self.side  # every other row, moved by one if that is odd
        row += (column + row) % 2
        corner = np.stack([column, row], axis=1).astype(np.float32)
        # In float32 a sum may round up to the next square, where p = 0.
        return np.minimum(corner + generator.uniform((n, 2)), np.nextafter(corner + 1, corner))


class Banana(Density):
    """x = std z_1, y = z_2 / 2 + bend (x^2 - std^2) for standard normal z: a shear, which leaves volumes as they are."""

    def __init__(self, bend, std):
        self.bend, self.std = bend, std

    def _log_prob(self, x, y):
        z1, z2 = x / self.std, 2 * (y - self.bend * (x ** 2 - self.std ** 2))
        return -0.5 * (z1 ** 2 + z2 ** 2) - math.log(math.pi * self.std)

    def _sample(self, n, generator):
        x, y = (generator.normal((n, 2)) * [self.std, 0.5]).T
        return np.stack([x, y + self.bend * (x ** 2 - self.std ** 2)], axis=1)


eight_gaussians = GaussianMixture([(2 * math.cos(k * math.pi / 4), 2 * math.sin(k * math.pi / 4)) for k in range(8)], 0.2)
rings = Rings([1, 2, 3], 0.1)
checkerboard = Checkerboard(2)
banana = Banana(0.5, 1.0)
