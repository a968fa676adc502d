"""The numbered results of docs/notes/ch02_mcdnn.md."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.data.transforms import NormalizeWidth
from minicnn.models import Committee, ScaledTanh

cases = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(2, 7), st.integers(0, 2**32 - 1))


class Fixed(nn.Module):
    """A column that returns these logits whatever comes in."""

    def __init__(self, logits):
        super().__init__()
        self.logits = mc.tensor(logits)

    def forward(self, x):
        return self.logits


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def drawn(case):
    """Logits (K, N, C) of K columns, and labels."""
    k, n, c, seed = case
    rng = np.random.default_rng(seed)
    return rng.normal(size=(k, n, c)) * rng.uniform(0.1, 6), rng.integers(0, c, n)


def nll(log_p, labels):
    return -log_p[..., np.arange(len(labels)), labels]


def committee(logits, **options):
    return Committee([Fixed(z) for z in logits], **options)(mc.zeros(1)).numpy()


@pytest.mark.equation("2.1")
@given(cases)
def test_committee_is_the_mean_of_probabilities(case):
    logits, _ = drawn(case)
    np.testing.assert_allclose(np.exp(committee(logits)), softmax(logits).mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(softmax(committee(logits)).sum(axis=1), 1, rtol=1e-12)


def test_committee_does_not_leave_the_logarithm():
    log_p = committee(np.array([[[0.0, -2000.0]], [[0.0, -3000.0]]]))
    np.testing.assert_allclose(log_p, [[0.0, -2000 - np.log(2)]], rtol=1e-12)


@pytest.mark.equation("2.2")
@given(cases)
def test_never_worse_than_the_average_member(case):
    logits, labels = drawn(case)
    single = nll(np.log(softmax(logits)), labels)
    assert (nll(committee(logits), labels) <= single.mean(axis=0) + 1e-12).all()
    same = np.repeat(logits[:1], 3, axis=0)
    np.testing.assert_allclose(nll(committee(same), labels), single[0], atol=1e-10)


def test_errors_usually_fall_but_can_rise():
    """The two examples of the note; class 0 is true."""
    for truth, decision, mean in (((0.4, 0.4, 0.9), 0, 0.567), ((0.51, 0.51, 0.1), 1, 0.373)):
        p = np.array([[[t, 1 - t]] for t in truth])
        log_p = committee(np.log(p))
        assert log_p.argmax() == decision and np.exp(log_p[0, 0]) == pytest.approx(mean, abs=1e-3)


@pytest.mark.equation("2.3")
@given(cases)
def test_averaging_logits_is_the_geometric_mean(case):
    logits, labels = drawn(case)
    p = softmax(logits)
    product = np.exp(np.log(p).mean(axis=0))
    z = product.sum(axis=1)
    g = committee(logits, average="geometric")
    np.testing.assert_allclose(np.exp(g), product / z[:, None], rtol=1e-9)
    np.testing.assert_allclose(np.exp(g), softmax(logits.mean(axis=0)), rtol=1e-9)
    np.testing.assert_allclose(nll(g, labels), nll(np.log(p), labels).mean(axis=0) + np.log(z), rtol=1e-9, atol=1e-10)
    assert (z <= 1 + 1e-12).all()


def test_one_sure_column_vetoes_in_the_geometric_mean_only():
    p = np.array([[[0.9, 0.1]], [[0.9, 0.1]], [[1e-30, 1.0]]])
    assert np.exp(committee(np.log(p)))[0, 0] == pytest.approx(0.6)
    assert np.exp(committee(np.log(p), average="geometric"))[0, 0] < 1e-8


@pytest.mark.equation("2.4")
@given(cases)
def test_ambiguity_identity(case):
    f, _ = drawn(case)
    y = f[0] * 0.3 + 1
    mean = f.mean(axis=0)
    np.testing.assert_allclose((mean - y) ** 2, ((f - y) ** 2).mean(axis=0) - ((f - mean) ** 2).mean(axis=0),
                               atol=1e-12 * max(1, (f**2).max()))


@pytest.mark.equation("2.5")
@pytest.mark.parametrize(("k", "rho"), [(1, 0.3), (4, 0.0), (5, 0.6), (7, 1.0)])
def test_variance_of_the_mean(k, rho):
    """Exactly, from the covariance matrix."""
    variance = 2.5
    covariance = variance * ((1 - rho) * np.eye(k) + rho)
    weights = np.full(k, 1 / k)
    assert weights @ covariance @ weights == pytest.approx(variance * (rho + (1 - rho) / k), rel=1e-12)


@pytest.mark.equation("2.6")
def test_column_layer_by_layer():
    rows = inspect.summary(models.mcdnn_column(), (1, 29, 29)).rows
    layers = {i: r for i, r in enumerate(r for r in rows if r.kind in ("Conv2d", "MaxPool2d", "Linear"))}
    assert [r.output_shape[2:] for r in layers.values() if r.kind != "Linear"] == [(26, 26), (13, 13), (9, 9), (3, 3)]
    assert [r.parameters for r in layers.values() if r.kind != "MaxPool2d"] == [340, 20_040, 54_150, 1_510]


@pytest.mark.equation("2.7")
def test_scaled_tanh(rng):
    f, x = ScaledTanh(), rng.normal(size=20)
    np.testing.assert_allclose(f(mc.tensor(x)).numpy(), 1.7159 * np.tanh(2 * x / 3), rtol=1e-12)
    np.testing.assert_allclose(f(mc.tensor([1.0, -1.0])).numpy(), [1, -1], atol=1e-4)
    t = mc.tensor(0.0, requires_grad=True)
    f(t).backward()
    assert t.grad.item() == pytest.approx(1.1439, abs=1e-4)


@pytest.mark.equation("2.8")
@given(st.integers(0, 4), st.integers(2, 8), st.integers(2, 14), st.integers(0, 2**32 - 1))
def test_width_normalisation(a, ink, w, seed):
    rng = np.random.default_rng(seed)
    image = np.zeros((1, 5, 15))
    image[:, :, a : a + ink] = rng.uniform(0.2, 1, size=(1, 5, ink))
    out = NormalizeWidth(w)(image)
    start = (15 - w) // 2
    assert not out[..., :start].any() and not out[..., start + w :].any()
    s, reach = a + (np.arange(w) + 0.5) * ink / w - 0.5, max(1.0, ink / w)  # squeezed: over all columns within reach
    for j in range(w):
        weights = [max(0.0, 1 - abs(column - s[j]) / reach) for column in range(a, a + ink)]
        expected = sum(k * image[0, :, column] for k, column in zip(weights, range(a, a + ink))) / sum(weights)
        np.testing.assert_allclose(out[0, :, start + j], expected, rtol=1e-9)
        if w >= ink:  # stretched: between the two nearest columns
            between = [np.interp(np.clip(s[j], a, a + ink - 1), np.arange(15), row) for row in image[0]]
            np.testing.assert_allclose(out[0, :, start + j], between, rtol=1e-9)


def test_width_normalisation_keeps_what_has_the_width_and_what_is_empty():
    image = np.zeros((1, 4, 9), np.uint8)
    image[:, :, 3:6] = np.arange(1, 13, dtype=np.uint8).reshape(4, 3)
    np.testing.assert_array_equal(NormalizeWidth(3)(image), image)
    np.testing.assert_array_equal(NormalizeWidth(5)(np.zeros_like(image)), 0 * image)
    two = np.stack([image, np.roll(image, 2, axis=2)])
    np.testing.assert_array_equal(NormalizeWidth(3)(two), np.stack([image, image]))


@pytest.mark.equation("2.9")
def test_e3_traffic_signs_improve_by_68_percent():
    rows = {"MNIST": (0.39, 0.23, 41), "on-line": (7.61, 5.61, 26), "off-line": (10.01, 6.5, 35), "CIFAR-10": (18.5, 11.21, 39),
            "traffic signs": (1.69, 0.54, 72), "NORB": (5.0, 2.7, 46)}
    differing = {name: round(100 * (a - b) / a, 1) for name, (a, b, printed) in rows.items() if round(100 * (a - b) / a) != printed}
    assert differing == {"traffic signs": 68.0}
    assert round(100 * (0.27 - 0.23) / 0.27) == 15
