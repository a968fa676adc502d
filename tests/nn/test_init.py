"""Initial weights: exact ranges and structures, moments within bounds that follow from the sample size."""

import math

import numpy as np
import pytest

from minicnn.backend import Generator, get_rng_state, manual_seed, set_rng_state
from minicnn.errors import InputError
from minicnn.nn import Linear, init
from minicnn.tensor import Tensor

SHAPE = (60, 20, 5, 5)  # fan_in 500, fan_out 1500, 30,000 entries
FAN_IN, FAN_OUT, COUNT = 500, 1500, 30000


def _tensor(shape=SHAPE, dtype=np.float32):
    return Tensor(np.full(shape, 7, dtype), requires_grad=dtype in (np.float32, np.float64))


def _assert_moments(x, mean, variance, kurtosis):
    """Sample mean and variance within 5 of their standard errors sqrt(var / n), var sqrt((kurtosis - 1) / n)."""
    x = np.asarray(x, np.float64).ravel()
    assert abs(x.mean() - mean) < 5 * math.sqrt(variance / x.size)
    assert abs(x.var() - variance) < 5 * variance * math.sqrt((kurtosis - 1) / x.size)


UNIFORM = {
    "uniform": (lambda t, g: init.uniform_(t, -0.5, 0.5, g), 0.5),
    "xavier": (lambda t, g: init.xavier_uniform_(t, 1.5, g), 1.5 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "kaiming": (lambda t, g: init.kaiming_uniform_(t, generator=g), math.sqrt(6 / FAN_IN)),
    "torch's default for layers": (lambda t, g: init.kaiming_uniform_(t, math.sqrt(5), generator=g), FAN_IN**-0.5),
    "fan out": (lambda t, g: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="tanh", generator=g),
                5 / 3 * math.sqrt(3 / FAN_OUT)),
}
NORMAL = {
    "normal": (lambda t, g: init.normal_(t, 0.0, 0.2, g), 0.2),
    "xavier": (lambda t, g: init.xavier_normal_(t, generator=g), math.sqrt(2 / (FAN_IN + FAN_OUT))),
    "kaiming": (lambda t, g: init.kaiming_normal_(t, nonlinearity="relu", generator=g), math.sqrt(2 / FAN_IN)),
    "slope": (lambda t, g: init.kaiming_normal_(t, a=2.0, generator=g), math.sqrt(2 / 5 / FAN_IN)),
    "fan out": (lambda t, g: init.kaiming_normal_(t, mode="fan_out", generator=g), math.sqrt(2 / FAN_OUT)),
}


@pytest.mark.parametrize("fill, bound", UNIFORM.values(), ids=UNIFORM.keys())
def test_uniform(fill, bound):
    t = _tensor()
    assert fill(t, Generator(1)) is t
    assert np.abs(t._data).max() <= np.float32(bound)
    assert np.abs(t._data).max() > bound * (1 - 30 / COUNT)  # the chance that no entry is that large: e^-30
    _assert_moments(t._data, 0, bound**2 / 3, 9 / 5)


@pytest.mark.parametrize("fill, std", NORMAL.values(), ids=NORMAL.keys())
def test_normal(fill, std):
    t = _tensor()
    assert fill(t, Generator(2)) is t
    _assert_moments(t._data, 0, std**2, 3)


@pytest.mark.parametrize("mean, std, a, b", [
    (0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -2.0, 2.0), (0.5, 2.0, -1.0, 1.0), (0.0, 1.0, 3.0, 5.0), (1.0, 1.0, -4.0, -1.5),
    (0.0, 3.0, 6.0, 12.0), (4.0, 1.0, 6.0, 8.0)])
def test_trunc_normal(mean, std, a, b):
    t = _tensor((COUNT,))
    init.trunc_normal_(t, mean, std, a, b, Generator(3))
    assert t._data.min() >= np.float32(a) and t._data.max() <= np.float32(b)
    grid = np.linspace(max(a, mean - 9 * std), min(b, mean + 9 * std), 20001)
    p = np.exp(-(((grid - mean) / std) ** 2) / 2)
    p /= p.sum()
    m1 = (p * grid).sum()
    m2, m4 = ((p * (grid - m1) ** k).sum() for k in (2, 4))
    _assert_moments(t._data, m1, m2, m4 / m2**2)


def test_trunc_normal_in_a_narrow_window_is_quick():
    t = _tensor((1000,), np.float64)
    init.trunc_normal_(t, 0.0, 1.0, 30.0, 30.1, Generator(0))
    assert t._data.min() >= 30 and t._data.mean() < 30.045


@pytest.mark.parametrize("shape", [(7, 7), (12, 5), (5, 12), (6, 2, 3, 3), (40, 2, 3, 3), (1, 4)])
@pytest.mark.parametrize("dtype, atol", [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_orthogonal(shape, dtype, atol):
    t = _tensor(shape, dtype)
    assert init.orthogonal_(t, gain=2.0, generator=Generator(4)) is t
    w = t._data.reshape(shape[0], -1).astype(np.float64) / 2
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=atol)


@pytest.mark.parametrize("shape", [(5, 5), (9, 4), (4, 9)])
def test_orthogonal_is_q_of_the_decomposition_with_a_positive_diagonal(shape):
    for seed in range(20):
        t, normal = _tensor(shape, np.float64), Generator(seed).normal((max(shape), min(shape)), dtype="float64")
        init.orthogonal_(t, generator=Generator(seed))
        r = (t._data if shape[0] >= shape[1] else t._data.T).T @ normal
        np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-12)
        assert np.diagonal(r).min() > 0


def test_orthogonal_is_uniform():
    """The diagonal of plain Householder QR has preferred signs; with the sign fix its mean is 0."""
    generator, t = Generator(5), _tensor((3, 3), np.float64)
    traces = [np.trace(init.orthogonal_(t, generator=generator)._data) for _ in range(2000)]
    assert abs(np.mean(traces)) < 5 / math.sqrt(2000)  # a uniform orthogonal matrix has trace of mean 0, variance 1
    assert abs(np.var(traces) - 1) < 0.2


def test_constants():
    t = _tensor((2, 3))
    assert init.constant_(t, 0.25) is t and np.all(t._data == 0.25)
    assert np.all(init.ones_(t)._data == 1) and np.all(init.zeros_(t)._data == 0)
    assert np.array_equal(init.eye_(t)._data, np.eye(2, 3))
    assert np.all(init.ones_(_tensor((2,), np.int64))._data == 1)


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_passes_channels_on(groups):
    w = init.dirac_(_tensor((6, 2, 3, 5)), groups)._data
    x = np.random.default_rng(0).normal(size=(2 * groups, 7, 9)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (1, 1), (2, 2)))
    for o in range(6):
        group, channel = divmod(o, 6 // groups)
        y = sum(w[o, c, i, j] * padded[2 * group + c, i : i + 7, j : j + 9]
                for c in range(2) for i in range(3) for j in range(5))
        assert np.array_equal(y, x[2 * group + channel] if channel < 2 else np.zeros((7, 9)))


def test_sparse():
    w = init.sparse_(_tensor((10, 400)), 0.25, std=0.5, generator=Generator(6))._data
    assert np.all((w == 0).sum(axis=0) == 3)
    assert np.all((w == 0).sum(axis=1) > 0)  # the zeros are not always in the same rows
    _assert_moments(w[w != 0], 0, 0.25, 3)


def test_gains():
    expected = {"linear": 1, "conv2d": 1, "conv_transpose2d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": 2**0.5,
                "selu": 0.75}
    assert {name: init.calculate_gain(name) for name in expected} == pytest.approx(expected)
    assert init.calculate_gain("leaky_relu") == pytest.approx((2 / 1.0001) ** 0.5)
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx((2 / 1.04) ** 0.5)


def test_torch_has_the_same_gains_structures_and_names():
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)
    for shape, groups in (((6, 2, 3, 5), 3), ((4, 3, 4), 1), ((4, 2, 1, 2, 3), 2)):
        ours = init.dirac_(_tensor(shape), groups)._data
        assert np.array_equal(ours, torch.nn.init.dirac_(torch.empty(shape), groups).numpy())
    ours_only = {"no_init"}
    assert all(hasattr(torch.nn.init, name) for name in set(init.__all__) - ours_only)


def test_preserves_variance_through_twenty_relu_layers():
    """He et al. 2015, eq. 9: E x^2 stays what it was; with Xavier's weights it would be halved by every layer."""
    generator = Generator(7)
    x = generator.normal((500, 200), dtype=np.float64)
    start = (x**2).mean()
    for _ in range(20):
        w = init.kaiming_normal_(_tensor((500, 500), np.float64), nonlinearity="relu", generator=generator)
        x = np.maximum(w._data @ x, 0)
    assert 0.5 < 0.5 * start / (x**2).mean() / 0.5 < 2


FILLS = [init.uniform_, init.normal_, init.trunc_normal_, init.xavier_uniform_, init.kaiming_normal_, init.orthogonal_,
         lambda t, generator=None: init.sparse_(t, 0.3, generator=generator)]


@pytest.mark.parametrize("fill", FILLS)
def test_streams(fill):
    draws = [fill(_tensor((4, 6)), generator=Generator(seed))._data for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])
    before = get_rng_state()
    try:
        manual_seed(1)
        assert np.array_equal(fill(_tensor((4, 6)))._data, draws[0])
    finally:
        set_rng_state(before)


@pytest.mark.parametrize("fill", [*FILLS, init.ones_, init.zeros_, init.eye_, lambda t: init.dirac_(t)])
def test_in_place_and_noticed(fill):
    t = _tensor((4, 6, 3)) if fill not in (init.eye_, FILLS[-1]) else _tensor((4, 6))
    array, stamp = t._data, t._watch().stamp()
    assert fill(t) is t and t._data is array and array.dtype == np.float32
    assert t._watch().stamp() > stamp and t._node is None and t.requires_grad


def test_no_entries():
    for fill in (init.normal_, init.kaiming_uniform_, init.xavier_normal_, init.orthogonal_, init.trunc_normal_):
        assert fill(_tensor((0, 3))).shape == (0, 3)


REFUSED = {
    "array": (lambda: init.normal_(np.ones(3)), "normal_: tensor must be a Tensor, got ndarray"),
    "integers": (lambda: init.uniform_(Tensor([1, 2])),
                 "uniform_: tensor must be of floating-point numbers, got dtype int64"),
    "interval": (lambda: init.uniform_(_tensor(), 1, 0), "an interval with a <= b, got 1, 0"),
    "std": (lambda: init.normal_(_tensor(), std=-1), "normal_: std must be a number >= 0, got -1"),
    "window": (lambda: init.trunc_normal_(_tensor(), a=2, b=1), "an interval with a < b, got 2, 1"),
    "bias": (lambda: init.kaiming_uniform_(_tensor((3,))), r"at least 2 dimensions \(out, in, ...\), got shape \(3,\)"),
    "mode": (lambda: init.kaiming_normal_(_tensor(), mode="fan"), "mode must be 'fan_in' or 'fan_out', got 'fan'"),
    "gain": (lambda: init.calculate_gain("swish"), "nonlinearity must be one of .*, got 'swish'"),
    "slope": (lambda: init.calculate_gain("leaky_relu", True), "param must be a number, the negative slope, got True"),
    "eye": (lambda: init.eye_(_tensor()), "eye_: tensor must be of 2 dimensions"),
    "dirac": (lambda: init.dirac_(_tensor((2, 2))), "dirac_: tensor must be of 3, 4 or 5 dimensions"),
    "groups": (lambda: init.dirac_(_tensor(), 7), "groups must be a divisor of the 60 output channels, got 7"),
    "orthogonal": (lambda: init.orthogonal_(_tensor((3,))), "orthogonal_: tensor must be of at least 2 dimensions"),
    "sparse": (lambda: init.sparse_(_tensor((2, 2)), 1.5), "sparsity must be a fraction between 0 and 1, got 1.5"),
}


@pytest.mark.parametrize("call, message", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_no_init_leaves_zeros_and_draws_nothing():
    before = get_rng_state()
    with init.no_init():
        layer = Linear(3, 4)
        init.orthogonal_(layer.weight)
        init.trunc_normal_(layer.weight)
        init.normal_(layer.weight)
    assert layer.weight.tolist() == [[0.0] * 3] * 4 and get_rng_state() == before
    assert Linear(3, 4).weight.detach().abs().sum().item() > 0
