"""The numbered results of docs/notes/ch27_spatial_transformer.md."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import models, nn
from minicnn.errors import InputError
from minicnn.models.spatial_transformer import SpatialTransformer
from minicnn.nn import functional as F
from minicnn.testing import check_grads

IDENTITY = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
ROW = np.array([1.0, 4.0, 9.0, 2.0, 3.0])  # a row of pixels with slopes 5 and -7 at the third
either = pytest.mark.parametrize("align_corners", [True, False])


def targets(h, w, align_corners):
    """x and y (h, w) of the output's pixels, by a loop."""
    def tick(k, n):
        return -1 + 2 * k / (n - 1) if align_corners else -1 + (2 * k + 1) / n

    x = np.array([[tick(j, w) for j in range(w)] for _ in range(h)])
    return x, np.array([[tick(i, h) for _ in range(w)] for i in range(h)])


def to_pixels(t, n, align_corners):
    """(27.2), counted from 1."""
    return 1 + (n - 1) / 2 * (t + 1) if align_corners else 0.5 + n / 2 * (t + 1)


def from_pixels(p, n, align_corners):
    """Its inverse."""
    return 2 * (p - 1) / (n - 1) - 1 if align_corners else 2 * (p - 0.5) / n - 1


def tent(d):
    return np.maximum(0, 1 - np.abs(d))


def weights(x, y, h, w):
    """k(y - n) k(x - m) for all pixels (h, w) and one place in pixels counted from 1."""
    return tent(y - np.arange(1, h + 1))[:, None] * tent(x - np.arange(1, w + 1))


def grid_at(x, y, h, w, align_corners=False):
    """A grid (1, 1, places, 2) from places in pixels counted from 1."""
    places = np.stack([from_pixels(np.atleast_1d(x), w, align_corners), from_pixels(np.atleast_1d(y), h, align_corners)], axis=-1)
    return mc.tensor(places[None, None].astype(float))


def read(image, x, y):
    """The library's V (C, places) at places in pixels."""
    return F.grid_sample(mc.tensor(image[None]), grid_at(x, y, *image.shape[1:]), align_corners=False).numpy()[0, :, 0]


def slope_by_place(image, x, y):
    """The library's (dV/dx, dV/dy) in pixels, summed over channels."""
    grid = grid_at(x, y, *image.shape[1:]).requires_grad_()
    F.grid_sample(mc.tensor(image[None]), grid, align_corners=False).sum().backward()
    h, w = image.shape[1:]
    return grid.grad.numpy()[0, 0, :, 0] * 2 / w, grid.grad.numpy()[0, 0, :, 1] * 2 / h


def printed_slope(row, x):
    """The paper's and the notes': 0 if |m - x| >= 1, 1 if m >= x, -1 if m < x."""
    m = np.arange(1, len(row) + 1)
    return row @ np.where(abs(m - x) >= 1, 0.0, np.where(m >= x, 1.0, -1.0))


def floor_slope(row, x):
    """(27.8)."""
    m = np.arange(1, len(row) + 1)
    return row @ (1.0 * ((x < m) & (m <= x + 1)) - ((x - 1 < m) & (m <= x)))


@pytest.mark.equation("27.1")
@either
def test_the_grid_is_theta_times_the_targets(rng, align_corners):
    theta = rng.normal(size=(2, 2, 3))
    grid = F.affine_grid(mc.tensor(theta), (2, 3, 4, 7), align_corners).numpy()
    x, y = targets(4, 7, align_corners)
    for n, i, j in np.ndindex(2, 4, 7):
        np.testing.assert_allclose(grid[n, i, j], theta[n] @ [x[i, j], y[i, j], 1], atol=1e-12)


@pytest.mark.equation("27.1")
def test_the_picture_moves_by_the_inverse_map(rng):
    """A shift to the right in theta shows the picture shifted to the left; a half shows the middle enlarged."""
    image = rng.normal(size=(1, 1, 4, 8))

    def shown(theta):
        return F.grid_sample(mc.tensor(image), F.affine_grid(mc.tensor(np.array([theta])), image.shape), align_corners=False).numpy()

    shifted = shown([[1.0, 0, 2 * 2 / 8], [0, 1, 0]])  # by two pixels
    np.testing.assert_array_equal(shifted[..., :6], image[..., 2:])
    assert not shifted[..., 6:].any()
    np.testing.assert_array_equal(shown([[-1.0, 0, 0], [0, 1, 0]]), image[..., ::-1])
    square = image[..., :4]
    turned = F.grid_sample(mc.tensor(square), F.affine_grid(mc.tensor(np.array([[[0.0, -1, 0], [1, 0, 0]]])), square.shape),
                           align_corners=False).numpy()
    np.testing.assert_array_equal(turned[0, 0], np.rot90(square[0, 0]))
    middle = F.grid_sample(mc.tensor(image), F.affine_grid(mc.tensor(np.array([[[0.5, 0, 0], [0, 0.5, 0]]])), (1, 1, 2, 4)),
                           align_corners=False).numpy()
    np.testing.assert_array_equal(middle, image[..., 1:3, 2:6])  # an output half as large: a crop


@pytest.mark.equation("27.2")
@either
def test_where_minus_one_and_one_lie(align_corners):
    """Reading a picture whose brightness is the number of the column gives that number, counted from 1."""
    for w in (2, 5, 8):
        image = np.arange(1.0, w + 1)[None, None, None]
        if align_corners:
            inside = np.array([-1.0, -0.3, 0.0, 0.4, 1.0])
        else:
            inside = np.linspace(-1 + 1 / w, 1 - 1 / w, 5)
        grid = mc.tensor(np.stack([inside, 0 * inside], axis=-1)[None, None], requires_grad=True)
        y = F.grid_sample(mc.tensor(image), grid, padding_mode="border", align_corners=align_corners)
        np.testing.assert_allclose(y.detach().numpy()[0, 0, 0], to_pixels(inside, w, align_corners), atol=1e-12)
        y.sum().backward()
        np.testing.assert_allclose(grid.grad.numpy()[0, 0, 1:-1, 0], (w - 1) / 2 if align_corners else w / 2, rtol=1e-12)
    assert [to_pixels(t, 9, True) for t in (-1, 1)] == [1, 9] and [to_pixels(t, 9, False) for t in (-1, 1)] == [0.5, 9.5]


@pytest.mark.equation("27.3")
@either
@pytest.mark.parametrize("seed", range(3))
def test_gradient_of_theta_is_a_sum_over_the_places(seed, align_corners):
    rng = np.random.default_rng(seed)
    theta, g = mc.tensor(rng.normal(size=(2, 2, 3)), requires_grad=True), rng.normal(size=(2, 3, 5, 2))
    grid = F.affine_grid(theta, (2, 1, 3, 5), align_corners)
    grid.backward(mc.tensor(g))
    x, y = targets(3, 5, align_corners)
    expected = sum(g[:, i, j, :, None] * np.array([x[i, j], y[i, j], 1]) for i, j in np.ndindex(3, 5))
    np.testing.assert_allclose(theta.grad.numpy(), expected, atol=1e-12)
    u = rng.normal(size=theta.shape)  # linear: <A u, g> = <u, A' g>
    ahead = F.affine_grid(mc.tensor(u), (2, 1, 3, 5), align_corners).numpy()
    np.testing.assert_allclose((ahead * g).sum(), (u * expected).sum(), rtol=1e-12)


@pytest.mark.equation("27.4")
@either
def test_sampling_is_the_double_sum(rng, align_corners):
    image, grid = rng.normal(size=(2, 3, 4, 6)), rng.uniform(-1.5, 1.5, size=(2, 5, 2, 2))
    y = F.grid_sample(mc.tensor(image), mc.tensor(grid), align_corners=align_corners).numpy()
    for k, i, j in np.ndindex(2, 5, 2):
        px, py = to_pixels(grid[k, i, j, 0], 6, align_corners), to_pixels(grid[k, i, j, 1], 4, align_corners)
        np.testing.assert_allclose(y[k, :, i, j], (image[k] * weights(px, py, 4, 6)).sum(axis=(1, 2)), atol=1e-12)


@pytest.mark.equation("27.5")
@given(x=st.floats(-1, 8), y=st.floats(-1, 6), seed=st.integers(0, 99))
def test_four_terms_are_left(x, y, seed):
    image = np.random.default_rng(seed).normal(size=(5, 7))
    m0, n0 = int(np.floor(x)), int(np.floor(y))
    a, b = x - m0, y - n0

    def pixel(n, m):
        return image[n - 1, m - 1] if 1 <= n <= 5 and 1 <= m <= 7 else 0.0

    upper, lower = ((1 - a) * pixel(n, m0) + a * pixel(n, m0 + 1) for n in (n0, n0 + 1))
    four = (1 - b) * upper + b * lower
    assert abs(four - (image * weights(x, y, 5, 7)).sum()) < 1e-12
    assert abs(four - read(image[None], x, y).item()) < 1e-12


@pytest.mark.equation("27.6")
@given(x=st.floats(1, 7), y=st.floats(1, 5))
def test_weights_sum_to_one_inside(x, y):
    assert abs(weights(x, y, 5, 7).sum() - 1) < 1e-12
    assert abs(read(np.full((1, 5, 7), 3.0), x, y).item() - 3) < 1e-12


@pytest.mark.equation("27.6")
@either
@pytest.mark.parametrize("size", [(4, 8), (5, 7), (1, 3)])
def test_the_identity_returns_the_image(rng, size, align_corners):
    image = rng.normal(size=(2, 3, *size))
    grid = F.affine_grid(mc.tensor(np.repeat(IDENTITY, 2, 0)), image.shape, align_corners)
    np.testing.assert_allclose(F.grid_sample(mc.tensor(image), grid, align_corners=align_corners).numpy(), image, atol=1e-13)
    outside = read(np.ones((1, 4, 4)), 0.25, 2).item()  # beside the image the sum is less
    assert outside == 0.25


@pytest.mark.equation("27.7")
@pytest.mark.parametrize("seed", range(3))
def test_gradient_of_the_image_is_the_product_of_its_weights(seed):
    rng = np.random.default_rng(seed)
    image = mc.tensor(rng.normal(size=(1, 2, 4, 6)), requires_grad=True)
    x, y, g = rng.uniform(0, 7, 9), rng.uniform(0, 5, 9), rng.normal(size=(1, 2, 1, 9))
    F.grid_sample(image, grid_at(x, y, 4, 6), align_corners=False).backward(mc.tensor(g))
    expected = sum(g[0, :, 0, i, None, None] * weights(x[i], y[i], 4, 6) for i in range(9))
    np.testing.assert_allclose(image.grad.numpy()[0], expected, atol=1e-12)


def test_e35_the_summed_form_is_one_for_every_pixel():
    """Place (1.3, 1) in a row of five: the derivatives are 0.7, 0.3, 0, 0, 0; with the printed sums each would be 1."""
    image = mc.tensor(np.zeros((1, 1, 1, 5)), requires_grad=True)
    F.grid_sample(image, grid_at(1.3, 1.0, 1, 5), align_corners=False).sum().backward()
    np.testing.assert_allclose(image.grad.numpy()[0, 0, 0], [0.7, 0.3, 0, 0, 0], atol=1e-12)
    differences = [(read(np.eye(5)[k][None, None] * 1e-3, 1.3, 1.0).item()) / 1e-3 for k in range(5)]
    np.testing.assert_allclose(differences, [0.7, 0.3, 0, 0, 0], atol=1e-9)
    printed = weights(1.3, 1.0, 1, 5).sum()  # the sums run over n and m, so it does not depend on the pixel
    assert abs(printed - 1) < 1e-12 and abs(printed - np.array(differences)).min() > 0.2


@pytest.mark.equation("27.8")
@pytest.mark.parametrize("seed", range(3))
def test_slopes_between_pixels(seed):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(2, 4, 6))
    x, y = rng.integers(0, 7, 20) + rng.uniform(0.1, 0.9, 20), rng.integers(0, 5, 20) + rng.uniform(0.1, 0.9, 20)
    sx, sy = slope_by_place(image, x, y)
    h = 1e-6
    np.testing.assert_allclose(sx, (read(image, x + h, y) - read(image, x - h, y)).sum(0) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(sy, (read(image, x, y + h) - read(image, x, y - h)).sum(0) / (2 * h), atol=1e-7)
    for k in range(20):
        rows, columns = tent(y[k] - np.arange(1, 5)) @ image.sum(0), image.sum(0) @ tent(x[k] - np.arange(1, 7))
        np.testing.assert_allclose([sx[k], sy[k]], [floor_slope(rows, x[k]), floor_slope(columns, y[k])], atol=1e-12)
        np.testing.assert_allclose(sx[k], printed_slope(rows, x[k]), atol=1e-12)  # between pixels the printed cases are right


@pytest.mark.equation("27.8")
def test_orders_one_and_two_between_pixels(rng):
    """V is piecewise bilinear: d2V/dx dy is not 0, d2V/dx2 is."""
    image = rng.normal(size=(2, 3, 4, 5))
    grid = np.stack([from_pixels(rng.integers(1, 5, (2, 3, 2)) + rng.uniform(0.2, 0.8, (2, 3, 2)), 5, False),
                     from_pixels(rng.integers(1, 4, (2, 3, 2)) + rng.uniform(0.2, 0.8, (2, 3, 2)), 4, False)], axis=-1)
    check_grads(lambda u, g: F.grid_sample(u, g, align_corners=False), image, grid, order=2)
    place = mc.tensor(grid[:1, :1, :1], requires_grad=True)
    value = F.grid_sample(mc.tensor(image[:1, :1]), place, align_corners=False).sum()
    first = mc.grad(value, place, create_graph=True)[0][0, 0, 0]
    by_x = mc.grad(first[0], place)[0].numpy().ravel()
    assert abs(by_x[0]) < 1e-12 and abs(by_x[1]) > 1e-3


@pytest.mark.equation("27.9")
@given(row=st.lists(st.floats(-5, 5), min_size=3, max_size=6), where=st.integers(2, 5))
def test_two_slopes_on_a_pixel(row, where):
    row, where = np.array(row), min(where, len(row) - 1)
    image, h = row[None, None], 1e-5
    at, left, right = (read(image, where + d, 1).item() for d in (0, -h, h))
    np.testing.assert_allclose((at - left) / h, row[where - 1] - row[where - 2], atol=1e-6)
    np.testing.assert_allclose((right - at) / h, row[where] - row[where - 1], atol=1e-6)
    assert abs(printed_slope(row, where) - row[where - 1]) < 1e-12
    assert abs(floor_slope(row, where) - (row[where] - row[where - 1])) < 1e-12


@pytest.mark.equation("27.9")
@either
def test_at_the_identity_the_library_takes_the_right_slope_everywhere(rng, align_corners):
    image = rng.normal(size=(1, 1, 5, 9)) if align_corners else rng.normal(size=(1, 1, 4, 8))  # sizes without rounding errors
    grid = mc.tensor(F.affine_grid(mc.tensor(IDENTITY), image.shape, align_corners).numpy(), requires_grad=True)
    F.grid_sample(mc.tensor(image), grid, align_corners=align_corners).sum().backward()
    h, w = image.shape[2:]
    factor = np.array([w - align_corners, h - align_corners]) / 2
    padded = np.pad(image[0, 0], ((0, 1), (0, 1)))
    np.testing.assert_allclose(grid.grad.numpy()[0, ..., 0] / factor[0], padded[:-1, 1:] - padded[:-1, :-1], atol=1e-12)
    np.testing.assert_allclose(grid.grad.numpy()[0, ..., 1] / factor[1], padded[1:, :-1] - padded[:-1, :-1], atol=1e-12)


def test_e36_on_a_pixel_the_printed_derivative_is_the_pixel():
    """Left 5, right -7, printed 9; on a constant picture 1 in place of 0; the floor form is the right slope."""
    image, h = ROW[None, None], 1e-6
    at, left, right = (read(image, 3 + d, 1).item() for d in (0, -h, h))
    np.testing.assert_allclose([(at - left) / h, (right - at) / h], [5, -7], atol=1e-6)
    assert printed_slope(ROW, 3) == 9 and floor_slope(ROW, 3) == -7 and not -7 <= printed_slope(ROW, 3) <= 5
    assert printed_slope(np.ones(5), 3) == 1 and floor_slope(np.ones(5), 3) == 0
    grid = mc.tensor(np.zeros((1, 1, 1, 2)), requires_grad=True)  # the middle of five pixels, exactly
    F.grid_sample(mc.tensor(image[None]), grid, align_corners=False).sum().backward()
    assert grid.grad.numpy()[0, 0, 0, 0] == -7 * 5 / 2


def test_e36_torch_takes_the_floor_form_too():
    torch = pytest.importorskip("torch")
    grid = torch.zeros((1, 1, 1, 2), dtype=torch.float64, requires_grad=True)
    torch.nn.functional.grid_sample(torch.tensor(ROW[None, None, None]), grid, align_corners=False).sum().backward()
    assert grid.grad[0, 0, 0, 0].item() == -7 * 5 / 2


BY_HAND = {
    "affine": (6, lambda p: [[1 + p[0], p[1], p[2]], [p[3], 1 + p[4], p[5]]]),
    "attention": (3, lambda p: [[1 + p[0], 0, p[1]], [0, 1 + p[0], p[2]]]),
    "translation": (2, lambda p: [[1, 0, p[0]], [0, 1, p[1]]]),
    "similarity": (4, lambda p: [[1 + p[0], -p[1], p[2]], [p[1], 1 + p[0], p[3]]]),
    "rotation": (1, lambda p: [[np.cos(p[0]), -np.sin(p[0]), 0], [np.sin(p[0]), np.cos(p[0]), 0]]),
}


def transformer(kind, features=5, **options):
    """One whose localisation net hands on what it is given: (N, features) from the first pixels."""
    return SpatialTransformer(nn.Flatten(), features, kind, **options).double()


@pytest.mark.equation("27.10")
@pytest.mark.parametrize("kind", BY_HAND)
def test_maps_from_what_is_regressed(rng, kind):
    count, by_hand = BY_HAND[kind]
    module = transformer(kind)
    assert module.regression.weight.shape == (count, 5)
    p, g = rng.normal(size=count), rng.normal(size=(2, 3))
    module.regression.bias.data[...] = p
    theta = module.theta(mc.zeros(1, 5, dtype=np.float64))
    np.testing.assert_allclose(theta.detach().numpy()[0], by_hand(p), atol=1e-7)  # the basis is kept in single precision: 0 and 1
    theta.backward(mc.tensor(g[None]))
    h = 1e-6
    slopes = [(g * (np.array(by_hand(p + h * e)) - by_hand(p - h * e))).sum() / (2 * h) for e in np.eye(count)]
    np.testing.assert_allclose(module.regression.bias.grad.numpy(), slopes, atol=1e-7)
    if kind == "rotation":
        stated = -np.sin(p[0]) * (g[0, 0] + g[1, 1]) + np.cos(p[0]) * (g[1, 0] - g[0, 1])
        np.testing.assert_allclose(slopes[0], stated, atol=1e-7)
    if kind == "similarity":
        square = np.array(by_hand(p))[:, :2]
        scale = np.hypot(1 + p[0], p[1])
        np.testing.assert_allclose(square.T @ square, scale ** 2 * np.eye(2), atol=1e-12)


@pytest.mark.equation("27.11")
@pytest.mark.parametrize("kind", BY_HAND)
def test_the_start_is_the_identity_and_only_the_last_layer_moves_at_first(rng, kind):
    net = models.stn(4, transformation=kind, input_size=16, width=3, kernels=(5, 3), localisation=((3, 3), 4, 6)).double()
    x, y = mc.tensor(rng.normal(size=(5, 1, 16, 16))), mc.tensor(np.array([0, 1, 2, 3, 1]))
    np.testing.assert_allclose(net.transformer(x).detach().numpy(), x.numpy(), atol=1e-12)
    F.cross_entropy(net(x), y).backward()
    assert abs(net.transformer.regression.weight.grad).max().item() > 1e-6
    below = [p.grad.numpy() for p in net.transformer.localisation.parameters()]
    assert below and not any(g.any() for g in below)
    for p in net.transformer.regression.parameters():
        p.data -= 0.1 * p.grad.data
        p.grad = None
    F.cross_entropy(net(x), y).backward()
    assert all(p.grad.numpy().any() for p in net.transformer.localisation.parameters())


@pytest.mark.equation("27.12")
@pytest.mark.parametrize(("scale", "read_share"), [(1, 1.0), (2, 1.0), (4, 1 / 4), (8, 1 / 16)])
def test_a_transformer_that_shrinks_skips_pixels(rng, scale, read_share):
    """At the identity: places lie scale pixels apart; 4 of 16 pixels are read at a fourth of the size, 4 of 64 at an eighth."""
    image = mc.tensor(rng.normal(size=(1, 1, 16, 16)), requires_grad=True)
    grid = F.affine_grid(mc.tensor(IDENTITY), (1, 1, 16 // scale, 16 // scale))
    F.grid_sample(image, grid, align_corners=False).sum().backward()
    assert np.mean(image.grad.numpy() != 0) == read_share


@pytest.mark.equation("27.12")
@given(x=st.floats(-3, 12), y=st.floats(-3, 9), seed=st.integers(0, 9))
def test_far_outside_a_place_feels_nothing(x, y, seed):
    image = np.random.default_rng(seed).normal(size=(1, 6, 8))
    sx, sy = slope_by_place(image, x, y)
    if not (-1e-9 < x < 9 + 1e-9 and -1e-9 < y < 7 + 1e-9):
        assert sx == 0 and sy == 0 and read(image, x, y) == 0
    if 0.01 < x < 8.99 and 0.01 < y < 6.99 and x % 1 > 0.01 and y % 1 > 0.01:
        assert sx != 0 and sy != 0  # less than a pixel outside it still does


@pytest.mark.equation("27.12")
def test_a_pixel_that_no_place_reads_has_no_gradient(rng):
    image = mc.tensor(rng.normal(size=(1, 1, 5, 7)), requires_grad=True)
    x, y = rng.uniform(1, 7, 4), rng.uniform(1, 5, 4)
    F.grid_sample(image, grid_at(x, y, 5, 7), align_corners=False).backward(mc.tensor(rng.normal(size=(1, 1, 1, 4))))
    near = np.zeros((5, 7), bool)
    for n, m in np.ndindex(5, 7):
        near[n, m] = any(abs(x[i] - m - 1) < 1 and abs(y[i] - n - 1) < 1 for i in range(4))
    assert np.array_equal(image.grad.numpy()[0, 0] != 0, near) and not near.all()


@pytest.mark.equation("27.13")
def test_the_first_gradient_of_the_shift_is_a_correlation_with_the_slope(rng):
    image, g = rng.normal(size=(1, 1, 4, 8)), rng.normal(size=(1, 1, 4, 8))
    theta = mc.tensor(IDENTITY, requires_grad=True)
    F.grid_sample(mc.tensor(image), F.affine_grid(theta, image.shape), align_corners=False).backward(mc.tensor(g))
    padded = np.pad(image[0, 0], ((0, 1), (0, 1)))
    right, down = padded[:-1, 1:] - padded[:-1, :-1], padded[1:, :-1] - padded[:-1, :-1]
    stated = [8 / 2 * (g[0, 0] * right).sum(), 4 / 2 * (g[0, 0] * down).sum()]
    np.testing.assert_allclose(theta.grad.numpy()[0, :, 2], stated, rtol=1e-12)


def test_nearest_pixels_have_no_gradient_to_learn_by(rng):
    theta = mc.tensor(IDENTITY + 0.1 * rng.normal(size=(1, 2, 3)), requires_grad=True)
    image = mc.tensor(rng.normal(size=(1, 1, 5, 5)), requires_grad=True)
    F.grid_sample(image, F.affine_grid(theta, image.shape), mode="nearest", align_corners=False).sum().backward()
    assert image.grad.numpy().any() and (theta.grad is None or not theta.grad.numpy().any())


def test_e37_the_grid_that_is_not_printed_and_the_row_that_ran_together(rng):
    """theta alone says no place: without (27.1) there is nothing to sample at. And three numbers are no table of two by two."""
    image = mc.tensor(rng.normal(size=(1, 1, 4, 8)))
    with pytest.raises(InputError, match="grid must be of shape"):
        F.grid_sample(image, mc.tensor(IDENTITY), align_corners=False)
    np.testing.assert_array_equal(F.grid_sample(image, F.affine_grid(mc.tensor(IDENTITY), image.shape), align_corners=False).numpy(),
                                  image.numpy())
    printed, correct = [3.7, 3.6, 3.9], np.array([[3.7, 3.9], [3.6, 3.9]])  # nets (single, multi) by sizes (64 px, 128 px)
    assert len(printed) != correct.size
    others = {"CNN (ours)": (4.0, 5.6), "DRAM": (3.9, 4.5)}
    assert all(small < large for small, large in others.values()) and (correct[:, 0] < correct[:, 1]).all()
    assert not all(small < large for small, large in [printed[:2]])  # read as it runs, the larger picture would be the easier one
