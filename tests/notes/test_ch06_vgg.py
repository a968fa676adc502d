"""The numbered results of docs/notes/ch06_vgg.md."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import inspect, models, nn
from minicnn.data import transforms as T
from minicnn.data.random import use_generator
from minicnn.models.vgg import VGG
from minicnn.nn import functional as F

CHANNELS, SIDES = (3, 64, 128, 256, 512, 512), (224, 112, 56, 28, 14)
COLUMNS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def seen_by_the_middle(chain, size):
    """The side of the box around all pixels in which the middle unit has a gradient; None where it touches the border."""
    x = mc.tensor(np.ones((1, 1, size, size)), requires_grad=True)
    y = chain(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    box = []
    for axis in (0, 1):
        places = np.flatnonzero(x.grad.numpy()[0, 0].any(axis=axis))
        if places[0] == 0 or places[-1] == size - 1:
            return None
        box.append(places[-1] - places[0] + 1)
    assert box[0] == box[1]
    return box[0]


def positive_chain(layers):
    """Layers (k, s, d) as convolutions whose weights are all positive."""
    convolutions = [nn.Conv2d(1, 1, k, s, dilation=d, bias=False).double() for k, s, d in layers]
    for layer in convolutions:
        nn.init.uniform_(layer.weight, 0.5, 1.5)
    return nn.Sequential(*convolutions)


@pytest.mark.equation("6.1")
@given(layers=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4))
def test_receptive_field_is_the_box_of_the_gradient(layers):
    r, jump = 1, 1
    for k, s, d in layers:
        r, jump = r + d * (k - 1) * jump, jump * s
    assert r == inspect.receptive_field(layers)
    assert r == 1 + sum(d * (k - 1) * math.prod(s for _, s, _ in layers[:i]) for i, (k, _, d) in enumerate(layers))
    size = r + 2 * jump + 2  # without padding: room for a unit on either side of the middle one
    assert seen_by_the_middle(positive_chain(layers), size) == r


@pytest.mark.equation("6.1")
def test_receptive_fields_of_vgg():
    with nn.init.no_init():
        features = {name: models.get_model(name, width=1, hidden=1).features for name in COLUMNS}
    assert inspect.receptive_field(features["vgg16"]) == 212 and inspect.receptive_field(features["vgg16"][:-1]) == 196
    net = VGG(COLUMNS["vgg16"][:3], width=1, in_channels=1, hidden=1, pooling=nn.AvgPool2d).features.double()
    for module in net:
        if isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.weight, 0.1, 0.3)
    assert seen_by_the_middle(net, 80) == inspect.receptive_field(net) == 44


@pytest.mark.equation("6.2")
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_stacks_of_3x3_against_one_large_kernel(n):
    c, side = 6, 2 * n + 1
    stack = nn.Sequential(*[nn.Conv2d(c, c, 3, padding=1, bias=False) for _ in range(n)])
    large = nn.Conv2d(c, c, side, padding=n, bias=False)
    assert inspect.receptive_field(stack) == inspect.receptive_field(large) == side
    assert inspect.count_parameters(stack) == 9 * n * c * c and inspect.count_parameters(large) == side**2 * c * c
    costs = [inspect.count_macs(net, (c, 5, 7)) for net in (stack, large)]
    assert costs[0] * side**2 == costs[1] * 9 * n
    assert round(100 * (49 / 27 - 1)) == 81


def composed(w2, w1):
    """W(v) = sum over a + b = v of W2(a) W1(b), for kernels (out, in, k, k)."""
    k2, k1 = w2.shape[-1], w1.shape[-1]
    w = np.zeros((w2.shape[0], w1.shape[1], k1 + k2 - 1, k1 + k2 - 1))
    for i, j in np.ndindex(k2, k2):
        w[:, :, i : i + k1, j : j + k1] += np.einsum("fm,mcab->fcab", w2[:, :, i, j], w1)
    return w


def conv(x, w, padding=0):
    return F.conv2d(mc.tensor(x), mc.tensor(w), padding=padding).numpy()


@pytest.mark.equation("6.3")
@pytest.mark.parametrize("seed", range(3))
def test_two_convolutions_are_one(seed):
    rng = np.random.default_rng(seed)
    x, w1, w2 = rng.normal(size=(2, 3, 9, 8)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(5, 4, 3, 3))
    one = composed(w2, w1)
    assert one.shape == (5, 3, 5, 5)
    np.testing.assert_allclose(conv(conv(x, w1), w2), conv(x, one), atol=1e-11)
    padded, at_once = conv(conv(x, w1, 1), w2, 1), conv(x, one, 2)
    np.testing.assert_allclose(padded[:, :, 1:-1, 1:-1], at_once[:, :, 1:-1, 1:-1], atol=1e-11)
    assert abs(padded - at_once).max() > 0.1  # at the border


@pytest.mark.equation("6.3")
def test_products_of_two_3x3_kernels_have_at_most_17_dimensions(rng):
    """The rank of the derivative of (W1, W2) -> W at a random place."""
    w1, w2 = rng.normal(size=(1, 1, 3, 3)), rng.normal(size=(1, 1, 3, 3))
    directions = np.eye(9).reshape(9, 1, 1, 3, 3)
    columns = [composed(w2, e).ravel() for e in directions] + [composed(e, w1).ravel() for e in directions]
    assert np.linalg.matrix_rank(np.array(columns)) == 17


@pytest.mark.equation("6.4")
@pytest.mark.parametrize(("c", "out"), [(1, 1), (2, 3)])
def test_every_5x5_is_two_3x3_with_four_times_the_channels(rng, c, out):
    w, x = rng.normal(size=(out, c, 5, 5)), abs(rng.normal(size=(2, c, 7, 9)))
    w1, w2 = np.zeros((4 * c, c, 3, 3)), np.zeros((out, 4 * c, 3, 3))
    for place, q in enumerate([(-1, -1), (-1, 1), (1, -1), (1, 1)]):
        for channel in range(c):
            w1[place * c + channel, channel, 1 + q[0], 1 + q[1]] = 1
        for v in np.ndindex(5, 5):
            if all((1 if n - 2 >= 0 else -1) == corner for n, corner in zip(v, q)):
                w2[:, place * c : (place + 1) * c, v[0] - 2 - q[0] + 1, v[1] - 2 - q[1] + 1] = w[:, :, v[0], v[1]]
    np.testing.assert_allclose(composed(w2, w1), w, atol=0)
    np.testing.assert_allclose(conv(np.maximum(conv(x, w1), 0), w2), conv(x, w), atol=1e-12)  # a ReLU between changes nothing
    assert w1.size + w2.size == 36 * c * c + 36 * c * out > w.size


def walk(n):
    """P(S_n = u), (2n + 1, 2n + 1): steps uniform on {-1, 0, 1}^2."""
    p = np.ones(1)
    for _ in range(n):
        p = np.convolve(p, np.full(3, 1 / 3))
    return np.outer(p, p)


@pytest.mark.equation("6.5")
@pytest.mark.parametrize("n", [1, 4, 9])
def test_gradient_of_equal_weights_is_the_law_of_a_walk(n):
    x = mc.tensor(np.zeros((1, 1, 2 * n + 1, 2 * n + 1)), requires_grad=True)
    y = x
    for _ in range(n):
        y = F.conv2d(y, mc.tensor(np.full((1, 1, 3, 3), 1 / 9)))
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0, 0], walk(n), atol=1e-14)
    u = np.arange(-n, n + 1)
    assert abs((walk(n).sum(axis=1) * u**2).sum() - 2 * n / 3) < 1e-12


@pytest.mark.equation("6.5")
def test_mean_square_gradient_of_random_weights_is_the_same_law():
    rng, n, c, draws = np.random.default_rng(0), 3, 3, 2000
    total, square = np.zeros((2 * n + 1, 2 * n + 1)), 0.0
    for _ in range(draws):
        g = np.zeros((c, 1, 1))
        g[0] = 1
        for _ in range(n):
            w = rng.normal(size=(c, c, 3, 3)) * (1 / (9 * c)) ** 0.5  # (out, in, 3, 3)
            below = np.zeros((c, g.shape[1] + 2, g.shape[2] + 2))
            for i, j in np.ndindex(3, 3):
                below[:, i : i + g.shape[1], j : j + g.shape[2]] += np.tensordot(w[:, :, i, j].T, g, 1)
            g = below
        energy = (g**2).sum(axis=0)
        total, square = total + energy, square + energy**2
    mean = total / draws
    error = np.sqrt((square / draws - mean**2) / draws)
    assert (abs(mean - walk(n)) < 4.5 * error).all()
    assert abs(mean - 1 / 49).max() > 20 * error.max()  # a flat profile would be told apart


@pytest.mark.equation("6.6")
def test_the_middle_of_the_field_has_nearly_all():
    outside = []
    for n in (1, 2, 5, 10, 20, 40, 80):
        u = np.arange(-n, n + 1)
        middle = abs(u) <= n / 2
        outside.append(1 - walk(n)[np.ix_(middle, middle)].sum())
        assert outside[-1] <= 4 * math.exp(-n / 8)
        spread = math.sqrt((walk(n).sum(axis=0) * u**2).sum())
        assert abs(spread / n - math.sqrt(2 / (3 * n))) < 1e-12
    assert outside == sorted(outside, reverse=True) and outside[-1] < 1e-6
    t = np.linspace(0, 5, 501)
    assert (1 + 2 * np.cosh(t) <= 3 * np.cosh(t)).all() and (np.cosh(t) <= np.exp(t * t / 2) * (1 + 1e-12)).all()


def parameters(counts):
    """(6.7)."""
    stages = sum(9 * a * b + b + (n - 1) * (9 * b * b + b) for a, b, n in zip(CHANNELS, CHANNELS[1:], counts))
    return stages + 123_642_856


def multiply_adds(counts):
    """(6.8)."""
    return sum(s * s * (9 * a * b + (n - 1) * 9 * b * b) for s, a, b, n in zip(SIDES, CHANNELS, CHANNELS[1:], counts)) + 123_633_664


@pytest.mark.equation("6.7", "6.8")
@pytest.mark.parametrize("name", COLUMNS)
def test_parameters_and_multiply_adds_of_the_columns(name):
    info = models.model_info(name)  # which tests/models counts on the model itself
    assert (info.parameters, info.macs) == (parameters(COLUMNS[name]), multiply_adds(COLUMNS[name]))
    assert sum(COLUMNS[name]) + 3 == int(name[3:])


@pytest.mark.equation("6.7", "6.8")
def test_column_c_adds_three_1x1_to_b():
    added = [c * c for c in (256, 512, 512)]
    info = models.model_info("vgg16_c")
    assert info.parameters == parameters(COLUMNS["vgg13"]) + sum(added) + 256 + 512 + 512 == 133_638_952
    assert info.macs == multiply_adds(COLUMNS["vgg13"]) + sum(s * s * a for s, a in zip((56, 28, 14), added)) == 11_770_888_192
    dense = [(7 * 7 * 512, 4096), (4096, 4096), (4096, 1000)]
    assert sum(a * b + b for a, b in dense) == 123_642_856 and sum(a * b for a, b in dense) == 123_633_664
    d = models.model_info("vgg16")
    assert round(100 * 123_642_856 / d.parameters) == 89 and round(1000 * 123_633_664 / d.macs) == 8


def test_e9_column_e_as_printed_is_column_d():
    """Three convolutions in stages 3 to 5 under the heading "19 weight layers"."""
    printed = (2, 2, 3, 3, 3)
    assert sum(printed) + 3 == 16 != 19
    assert parameters(printed) == 138_357_544 == models.model_info("vgg16").parameters
    with nn.init.no_init():
        net = models.vgg19(width=1, hidden=8, num_classes=5)
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in net.modules()) == 19
    assert parameters((2, 2, 4, 4, 4)) == 143_667_240 == models.model_info("vgg19").parameters != parameters(printed)


@pytest.mark.equation("6.9")
def test_dense_layers_are_convolutions(rng):
    dense = nn.Sequential(nn.Linear(5 * 7 * 7, 6), nn.ReLU(), nn.Linear(6, 4)).double()
    w = dense[0].weight.reshape(6, 5, 7, 7)

    def as_convolutions(x):
        return F.conv2d(F.relu(F.conv2d(x, w, dense[0].bias)), dense[2].weight.reshape(4, 6, 1, 1), dense[2].bias)

    large = mc.tensor(rng.normal(size=(2, 5, 9, 10)))
    scores = as_convolutions(large).detach().numpy()
    assert scores.shape == (2, 4, 3, 4)
    for i, j in np.ndindex(3, 4):
        crop = large[:, :, i : i + 7, j : j + 7]
        np.testing.assert_allclose(scores[:, :, i, j], dense(crop.flatten(1)).detach().numpy(), atol=1e-12)


@pytest.mark.equation("6.10")
def test_number_of_views():
    s, crop = 6, 4
    image = np.arange(s * s, dtype=np.uint8).reshape(1, s, s)
    views, transform = set(), T.Compose([T.RandomCrop(crop), T.RandomHorizontalFlip()])
    with use_generator(0):
        for _ in range(1000):
            views.add(transform(image).tobytes())
    assert len(views) == 2 * (s - crop + 1) ** 2 == 18
    assert 2 * (256 - 224 + 1) ** 2 == 2178 != 2048 == 2 * 32**2


def pixels_of(images):
    return np.moveaxis(images, 1, 0).reshape(3, -1)


def some_images(rng):
    mix = rng.normal(size=(3, 3))
    return np.einsum("cd,ndhw->nchw", mix, rng.random((6, 3, 5, 4)))


@pytest.mark.equation("6.11")
@pytest.mark.parametrize("seed", range(3))
def test_lighting_adds_one_vector_to_every_pixel(seed):
    rng = np.random.default_rng(seed)
    images = some_images(rng)
    lighting = T.PCALighting.fit(images, alpha_std=0.1)
    covariance = np.cov(pixels_of(images))
    np.testing.assert_allclose(lighting.eigvec @ np.diag(lighting.eigval) @ lighting.eigvec.T, covariance, atol=1e-12)
    np.testing.assert_allclose(lighting.eigvec.T @ lighting.eigvec, np.eye(3), atol=1e-12)
    with use_generator(mc.Generator(seed)):
        change = lighting(images[0]) - images[0]
    alpha = mc.Generator(seed).numpy.normal(0, 0.1, 3)
    np.testing.assert_allclose(change[:, 2, 3], lighting.eigvec @ (alpha * lighting.eigval), atol=1e-12)
    assert np.ptp(change, axis=(1, 2)).max() < 1e-12
    assert np.array_equal(T.PCALighting.fit(images, alpha_std=0)(images[0]), images[0])  # alpha 0 is the identity


def shifts(lighting, image, draws):
    """(draws, 3): what is added."""
    with use_generator(mc.Generator(0)):
        return np.array([(lighting(image) - image)[:, 0, 0] for _ in range(draws)])


@pytest.mark.equation("6.12")
def test_covariance_of_the_lighting(rng):
    images, draws = some_images(rng), 6000
    lighting, sigma = T.PCALighting.fit(images), np.cov(pixels_of(images))
    found = shifts(lighting, images[0], draws)
    expected = 0.01 * sigma @ sigma
    np.testing.assert_allclose(0.01 * lighting.eigvec @ np.diag(lighting.eigval**2) @ lighting.eigvec.T, expected, atol=1e-12)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert abs(np.cov(found.T) - expected).max() < 4 * math.sqrt(2 / draws) * scale.max()
    assert (abs(found.mean(axis=0)) < 4 * np.sqrt(np.diag(expected) / draws)).all()
    assert abs(0.01 * sigma - expected).max() > 0.1 * scale.max()  # not the covariance itself


@pytest.mark.equation("6.12")
def test_e10_the_jitter_depends_on_the_scale_of_the_pixels(rng):
    """The printed term with eigenvalues: 255 times the pixels, 255^2 times the shift. Without a law for alpha it says nothing."""
    images = some_images(rng)
    small, large = T.PCALighting.fit(images), T.PCALighting.fit(255 * images)
    np.testing.assert_allclose(large.eigval, 255**2 * small.eigval)
    np.testing.assert_allclose(abs((small.eigvec * large.eigvec).sum(axis=0)), 1)  # the same vectors, up to their signs
    large = T.PCALighting(0.1, large.eigval, small.eigvec)
    ratio = shifts(large, 255 * images[0], 5) / shifts(small, images[0], 5)
    np.testing.assert_allclose(ratio, 255**2, rtol=1e-6)
    roots = [T.PCALighting(0.1, np.sqrt(lighting.eigval), small.eigvec) for lighting in (small, large)]
    ratio = shifts(roots[1], 255 * images[0], 5) / shifts(roots[0], images[0], 5)
    np.testing.assert_allclose(ratio, 255, rtol=1e-6)  # with standard deviations it would follow the image
    handed_around = np.array([55.46, 4.794, 1.148]) / T.PCALighting().eigval
    assert abs(handed_around - 255).max() < 0.2
    assert T.PCALighting().alpha_std == 0.1 and np.ptp(T.PCALighting()(np.zeros((3, 4, 5))), axis=(1, 2)).max() == 0


@pytest.mark.equation("6.13")
@pytest.mark.parametrize(("h", "w"), [(300, 400), (400, 300), (256, 256)])
def test_scale_jittering_and_what_a_crop_shows(h, w):
    for s in (256, 300, 512):
        image = T.Resize(s)(np.zeros((1, h, w), np.float32))
        assert min(image.shape[1:]) == s
        np.testing.assert_allclose(image.shape[1:], s / min(h, w) * np.array([h, w]), atol=1)  # whole pixels
        part = 224**2 / (image.shape[1] * image.shape[2])
        assert abs(part - (224 / s) ** 2 * min(h, w) / max(h, w)) < 0.01
    assert round(100 * (224 / 256) ** 2) == 77 and round(100 * (224 / 512) ** 2) == 19


def printed_lrn(a, k=2.0, n=5, alpha=1e-4, beta=0.75):
    """As printed: n / 2 rounded down, no division of alpha."""
    b = np.empty_like(a)
    for i in range(a.shape[1]):
        window = a[:, max(0, i - n // 2) : min(a.shape[1] - 1, i + n // 2) + 1]
        b[:, i] = a[:, i] / (k + alpha * (window**2).sum(axis=1)) ** beta
    return b


def test_e11_the_library_s_alpha_is_n_times_the_printed_one(rng):
    a = 100 * abs(rng.normal(size=(2, 9, 3, 4)))
    layer, same = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0), nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    np.testing.assert_allclose(layer(mc.tensor(a)).numpy(), printed_lrn(a), rtol=1e-12)
    assert abs(same(mc.tensor(a)).numpy() / printed_lrn(a) - 1).max() > 0.3
    of_the_model = models.vgg11_lrn(width=1, hidden=8).features[2]
    assert (of_the_model.size, of_the_model.alpha, of_the_model.beta, of_the_model.k) == (5, 5e-4, 0.75, 2.0)


def test_lrn_leaves_small_activities_as_they_are(rng):
    """With alpha 1e-4 it takes pixels from 0 to 255 to see an effect."""
    a = abs(rng.normal(size=(2, 9, 3, 4)))
    assert abs(printed_lrn(a) / a / 2**-0.75 - 1).max() < 2e-3
    assert (printed_lrn(255 * a) / (255 * a) / 2**-0.75).min() < 0.6
