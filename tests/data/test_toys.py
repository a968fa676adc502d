"""The toys: points lie where the formulas say, densities integrate to 1, and samples follow them."""

import numpy as np
import pytest

from minicnn.backend import Generator, manual_seed
from minicnn.data import toys
from minicnn.data.toys import banana, checkerboard, eight_gaussians, rings, spirals, two_moons
from minicnn.errors import InputError
from minicnn.tensor import tensor
from minicnn.testing import check_grads

DENSITIES = {"eight_gaussians": eight_gaussians, "rings": rings, "checkerboard": checkerboard, "banana": banana}
SMOOTH = ["eight_gaussians", "rings", "banana"]


def grid(step=0.02, reach=6):
    """Midpoints of squares that cover [-reach, reach]^2, as (n, 2)."""
    at = np.arange(-reach, reach, step) + step / 2
    return np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("name", DENSITIES)
def test_integral_is_1(name):
    p = np.exp(DENSITIES[name].log_prob(grid()))
    assert abs(p.sum() * 0.02 ** 2 - 1) < 2e-3


def normal(x, mean=0.0, std=1.0):
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def naive(name, x, y):
    """The densities once more, from their definitions."""
    if name == "eight_gaussians":
        return np.mean([normal(x, 2 * np.cos(a), 0.2) * normal(y, 2 * np.sin(a), 0.2) for a in np.arange(8) * np.pi / 4])
    if name == "rings":
        r = np.hypot(x, y)
        return np.mean([normal(r, k, 0.1) for k in (1, 2, 3)]) / (2 * np.pi * r)
    if name == "checkerboard":
        on_board = max(abs(x), abs(y)) < 2 and (int(np.floor(x)) + int(np.floor(y))) % 2 == 0
        return on_board / 8
    return normal(x) * normal(y, 0.5 * (x ** 2 - 1), 0.5)


@pytest.mark.parametrize("name", DENSITIES)
def test_log_prob_is_the_log_of_the_definition(name):
    points = np.random.default_rng(0).uniform(-2.5, 2.5, (60, 2))
    wanted = np.array([naive(name, x, y) for x, y in points])
    np.testing.assert_allclose(np.exp(DENSITIES[name].log_prob(points)), wanted, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_follow_the_density(name):
    """Counts in squares of side 1 against the integral of p over each: Pearson's test."""
    n, side = 4000, np.arange(-6, 6)
    sample = DENSITIES[name].sample(n, generator=Generator(1))
    assert sample.shape == (n, 2) and sample.dtype == np.float32
    assert np.all(np.isfinite(DENSITIES[name].log_prob(sample.astype(np.float64))))
    p = np.exp(DENSITIES[name].log_prob(grid())).reshape(12, 50, 12, 50).sum(axis=(1, 3)) * 0.02 ** 2
    counts = np.histogram2d(*sample.T, bins=[np.append(side, 6)] * 2)[0]
    often = p * n > 8
    rest = [(counts[~often].sum(), n * (1 - p[often].sum()))] if p[~often].sum() * n > 8 else []
    observed, expected = np.array([*zip(counts[often], n * p[often]), *rest]).T
    chi2, freedom = ((observed - expected) ** 2 / expected).sum(), len(observed) - 1
    assert chi2 < freedom + 4 * np.sqrt(2 * freedom)  # its mean, and four of its standard deviations
    assert counts[p * n < 1e-6].sum() == 0


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    points = np.random.default_rng(2).uniform(0.5, 2.5, (5, 2))
    check_grads(DENSITIES[name].log_prob, points, order=2)


def test_log_prob_of_tensors():
    points = np.random.default_rng(0).uniform(-2, 2, (7, 2))
    for density in DENSITIES.values():
        found = density.log_prob(tensor(points))
        assert found.shape == (7,)
        np.testing.assert_array_equal(found.data, density.log_prob(points))
        single = density.log_prob(tensor(points.astype(np.float32)))
        assert single.dtype == density.log_prob(points.astype(np.float32)).dtype == np.float32


def test_rings_are_finite_at_the_origin():
    x = tensor(np.zeros((1, 2)), requires_grad=True)
    value = rings.log_prob(x)
    value.sum().backward()
    assert np.isfinite(value.data).all() and np.isfinite(x.grad.data).all()


def test_checkerboard_at_its_edges():
    """Squares take their left and lower sides, and a sample is never rounded out of its square."""
    on = [(0, 0), (1, 1), (-2, -2), (-1, -1), (-2, 0), (1, -1)]
    off = [(0, 1), (1, 0), (2, 0), (0, 2), (-1, 0), (2, 2), (-2.001, -2)]
    assert np.all(checkerboard.log_prob(np.array(on, float)) == -np.log(8))
    assert np.all(checkerboard.log_prob(np.array(off, float)) == -np.inf)

    class Edge(Generator):
        def uniform(self, shape=(), low=0.0, high=1.0, dtype=np.float32, xp=np):
            return np.full(shape, np.nextafter(dtype(1), dtype(0)), dtype)

    sample = checkerboard.sample(500, generator=Edge(0))
    assert np.all(checkerboard.log_prob(sample) == np.float32(-np.log(8)))


def test_marginal_of_the_banana():
    """Any bend: the first coordinate is normal, and the integral over the second is its density."""
    at = 0.7
    y = np.linspace(-6, 6, 2001)
    mass = np.exp(banana.log_prob(np.stack([np.full_like(y, at), y], axis=1))).sum() * (y[1] - y[0])
    assert abs(mass - normal(at)) < 1e-9


def test_ones_own():
    alone = toys.GaussianMixture([(1, -1)], 0.5)
    np.testing.assert_allclose(np.exp(alone.log_prob(np.array([[1.5, -1.0]]))), [normal(1.5, 1, 0.5) * normal(-1, -1, 0.5)])
    sample = toys.Rings([4], 0.05).sample(500, generator=Generator(0))
    radius = np.hypot(*sample.T)
    assert abs(radius.mean() - 4) < 0.01 and abs(radius.std() - 0.05) < 0.01
    assert isinstance(alone, toys.Density)


# -------------------------------------------------------------------------------------------------------- to classify


def test_spirals_without_noise():
    x, labels = spirals(10, classes=4, turns=0.6, noise=0, generator=Generator(3))
    assert x.shape == (10, 2) and x.dtype == np.float32 and labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    for (a, b), label in zip(x.astype(float), labels):
        radius = np.hypot(a, b)
        angle = 2 * np.pi * (0.6 * radius + label / 4)
        np.testing.assert_allclose((a, b), (radius * np.cos(angle), radius * np.sin(angle)), atol=1e-6)
    radii = np.sort(np.hypot(*spirals(2000, noise=0, generator=Generator(0))[0].T))
    assert abs(radii - np.arange(2000) / 2000).max() < 1.95 / np.sqrt(2000)  # Kolmogorov and Smirnov, 0.1 %


def test_moons_without_noise():
    x, labels = two_moons(101, noise=0, generator=Generator(0))
    assert x.shape == (101, 2) and x.dtype == np.float32 and labels.tolist() == [i % 2 for i in range(101)]
    middle = np.where(labels[:, None] == 0, [0, 0], [1, 0.5])
    np.testing.assert_allclose(np.hypot(*(x - middle).T), 1, atol=1e-6)
    assert np.all(x[labels == 0, 1] >= -1e-6) and np.all(x[labels == 1, 1] <= 0.5 + 1e-6)


@pytest.mark.parametrize("make", [spirals, two_moons])
def test_noise_has_the_given_deviation(make):
    still, moved = make(5000, noise=0, generator=Generator(5))[0], make(5000, noise=0.3, generator=Generator(5))[0]
    assert abs((moved - still).std() - 0.3) < 0.01


@pytest.mark.parametrize("make", [spirals, two_moons, eight_gaussians.sample, rings.sample, checkerboard.sample, banana.sample])
def test_streams(make):
    """The generator given, else the library's own, which manual_seed starts again."""
    def draw(generator=None):
        found = make(20, generator=generator)
        return found[0] if isinstance(found, tuple) else found

    np.testing.assert_array_equal(draw(Generator(1)), draw(Generator(1)))
    assert np.any(draw(Generator(1)) != draw(Generator(2)))
    manual_seed(4)
    first = draw()
    assert np.any(draw() != first)
    manual_seed(4)
    np.testing.assert_array_equal(draw(), first)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: spirals(0), "spirals: n"), (lambda: spirals(classes=0), "spirals: classes"),
    (lambda: spirals(noise=-1), "spirals: noise"),
    (lambda: two_moons(2.5), "two_moons: n"), (lambda: two_moons(noise=np.nan), "two_moons: noise"),
    (lambda: rings.sample(-1), "Rings.sample: n"), (lambda: rings.log_prob(np.zeros(2)), r"Rings.log_prob: x .* \(2,\)"),
    (lambda: banana.log_prob(np.zeros((3, 4))), "Banana.log_prob: x"), (lambda: banana.log_prob([[1, 2]]), "Banana.log_prob: x"),
])
def test_bad_arguments(call, message):
    with pytest.raises(InputError, match=message):
        call()
    assert len(rings.sample(0)) == 0
