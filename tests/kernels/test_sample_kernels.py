"""Interpolation and sampling kernels: loops, adjoint pairs, torch, and a derivative by the grid from differences."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strict import from_strict, to_strict

import minicnn as mc
from minicnn.kernels import sample as S
from minicnn.nn import functional as F

MODES = [{"mode": "nearest", "align_corners": False}, {"mode": "bilinear", "align_corners": False},
         {"mode": "bilinear", "align_corners": True}]
CASES = [{"mode": m, "padding_mode": p, "align_corners": a} for m, p, a in itertools.product(
    ("bilinear", "nearest"), ("zeros", "border", "reflection"), (False, True))]
side = st.integers(1, 7)


@given(side, side, side, side, st.sampled_from(MODES), st.booleans(), st.integers(0, 2**32))
def test_interpolation_and_its_adjoint(h, w, oh, ow, mode, scaled, seed):
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(2, 3, h, w)), rng.normal(size=(2, 3, oh, ow))
    scale = (rng.uniform(0.3, 3), rng.uniform(0.3, 3)) if scaled else None
    y = S.interpolate(x, size=(oh, ow), scale=scale, **mode)
    back = S.interpolate_adjoint(u, input_size=(h, w), scale=scale, **mode)
    assert y.shape == u.shape and back.shape == x.shape
    np.testing.assert_allclose(np.vdot(y, u), np.vdot(x, back), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scale", [None, (1.7, 2.0), (0.6, 0.5)])
def test_torch_agrees_on_interpolation(mode, scale, rng):
    torch = pytest.importorskip("torch")
    x = rng.normal(size=(2, 3, 5, 6))
    size = (7, 4) if scale is None else tuple(int(n * s) for n, s in zip((5, 6), scale))
    wanted = torch.nn.functional.interpolate(
        torch.tensor(x), size=size if scale is None else None, scale_factor=scale, mode=mode["mode"],
        align_corners=mode["align_corners"] if mode["mode"] == "bilinear" else None)
    np.testing.assert_allclose(S.interpolate(x, size=size, scale=scale, **mode), wanted.numpy(), rtol=1e-10, atol=1e-10)


def test_doubling_by_hand():
    x = np.array([[[[0.0, 4.0]]]])
    np.testing.assert_allclose(S.interpolate(x, size=(1, 4), scale=None, mode="bilinear", align_corners=False)[0, 0, 0],
                               [0, 1, 3, 4])
    np.testing.assert_allclose(S.interpolate(x, size=(1, 5), scale=None, mode="bilinear", align_corners=True)[0, 0, 0],
                               [0, 1, 2, 3, 4])


def naive_grid_sample(x, grid, align_corners):
    """Jaderberg et al. 2015, eq. 5, over all pixels, zeros outside."""
    (n, c, h, w), (oh, ow) = x.shape, grid.shape[1:3]
    y = np.zeros((n, c, oh, ow))
    for m, i, j in np.ndindex(n, oh, ow):
        u, v = ((t + 1) / 2 * (size - 1) if align_corners else (t + 1) / 2 * size - 0.5 for t, size in zip(grid[m, i, j], (w, h)))
        for row, column in np.ndindex(h, w):
            y[m, :, i, j] += x[m, :, row, column] * max(0, 1 - abs(u - column)) * max(0, 1 - abs(v - row))
    return y


@pytest.mark.parametrize("align_corners", [False, True])
def test_sampling_against_loops(align_corners, rng):
    x, grid = rng.normal(size=(2, 3, 4, 5)), rng.uniform(-1.4, 1.4, (2, 3, 4, 2))
    np.testing.assert_allclose(S.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=align_corners),
                               naive_grid_sample(x, grid, align_corners), rtol=1e-10, atol=1e-10)


@given(side, side, st.sampled_from(CASES), st.booleans(), st.integers(0, 2**32))
def test_sampling_and_its_adjoint(h, w, case, far, seed):
    rng = np.random.default_rng(seed)
    x, u, grid = rng.normal(size=(2, 3, h, w)), rng.normal(size=(2, 3, 2, 4)), rng.normal(size=(2, 2, 4, 2)) * (9 if far else 1)
    y = S.grid_sample(x, grid, **case)
    back = S.grid_sample_input(u, grid, input_size=(h, w), **case)
    np.testing.assert_allclose(np.vdot(y, u), np.vdot(x, back), rtol=1e-10, atol=1e-10)


@given(side, side, st.sampled_from([c for c in CASES if c["mode"] == "bilinear"]), st.integers(0, 2**32))
def test_derivative_by_the_grid_from_differences(h, w, case, seed):
    rng = np.random.default_rng(seed)
    x, u, grid, step = rng.normal(size=(1, 2, h, w)), rng.normal(size=(1, 2, 2, 2)), rng.uniform(-1.5, 1.5, (1, 2, 2, 2)), 1e-6
    numbers = {k: v for k, v in case.items() if k != "mode"}
    slopes = S.grid_sample_grid(u, x, grid, **numbers)
    for k in (0, 1):
        shift = step * (np.arange(2) == k)
        ahead, behind = (S.grid_sample(x, grid + t, **case) for t in (shift, -shift))
        here, wide = S.grid_sample_grid(u, x, grid - shift, **numbers), S.grid_sample_grid(u, x, grid + shift, **numbers)
        smooth = np.isclose(here, wide, rtol=1e-3, atol=1e-3)[..., k]  # no kink between the two places
        measured = ((ahead - behind) * u).sum(1) / (2 * step)
        np.testing.assert_allclose(np.where(smooth, slopes[..., k], 0), np.where(smooth, measured, 0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c.values())))
@pytest.mark.parametrize("on_pixels", [False, True])
def test_torch_agrees_on_sampling_and_gradients(case, on_pixels, rng):
    torch = pytest.importorskip("torch")
    x, u, grid = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(2, 6, 5, 2)) * 1.5
    if on_pixels:  # corners, edges and centres: where one-sided conventions show
        grid = rng.integers(-4, 5, grid.shape) / 4.0
    tx, tgrid = torch.tensor(x, requires_grad=True), torch.tensor(grid, requires_grad=True)
    wanted = torch.nn.functional.grid_sample(tx, tgrid, **case)
    wanted.backward(torch.tensor(u))
    np.testing.assert_allclose(S.grid_sample(x, grid, **case), wanted.detach().numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(S.grid_sample_input(u, grid, input_size=(5, 4), **case), tx.grad.numpy(), rtol=1e-10, atol=1e-10)
    if case["mode"] == "bilinear":
        options = {k: v for k, v in case.items() if k != "mode"}
        np.testing.assert_allclose(S.grid_sample_grid(u, x, grid, **options), tgrid.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("h, w", [(3, 4), (1, 5)])
def test_base_grid_samples_the_image_itself(h, w, align_corners, rng):
    x = rng.normal(size=(1, 2, h, w))
    grid = S.base_grid(h, w, align_corners=align_corners, dtype=np.float64)
    assert grid.shape == (h * w, 3) and (grid[:, 2] == 1).all()
    y = S.grid_sample(x, grid[:, :2].reshape(1, h, w, 2), mode="bilinear", padding_mode="border", align_corners=align_corners)
    np.testing.assert_allclose(y, x, rtol=1e-10, atol=1e-10)


def check_place(call):
    """call(to), with `to` placing its float32 arrays, gives the same float32 numbers on the host and on a device."""
    ours, theirs = call(np.asarray), from_strict(call(to_strict))
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c.values())))
def test_sampling_on_a_device_in_float32(case, rng):
    x, u = rng.normal(size=(2, 3, 4, 5)).astype(np.float32), rng.normal(size=(2, 3, 3, 4)).astype(np.float32)
    grid = rng.normal(size=(2, 3, 4, 2)).astype(np.float32)
    options = {k: v for k, v in case.items() if k != "mode"}
    check_place(lambda to: S.grid_sample(to(x), to(grid), **case))
    check_place(lambda to: S.grid_sample_input(to(u), to(grid), input_size=(4, 5), **case))
    check_place(lambda to: S.grid_sample_grid(to(u), to(x), to(grid), **options))


@pytest.mark.parametrize("mode", MODES)
def test_interpolation_on_a_device_in_float32(mode, rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    check_place(lambda to: S.interpolate(to(x), size=(7, 3), scale=None, **mode))
    check_place(lambda to: S.interpolate_adjoint(to(x), input_size=(5, 2), scale=None, **mode))


def test_reflection_within_one_pixel_stays_there(rng):
    """With corners at pixel centres, an axis of one pixel has no room to reflect in: any coordinate means that pixel."""
    image = mc.tensor(rng.normal(size=(1, 2, 1, 3)))
    grid = mc.tensor(np.stack([np.linspace(-1, 1, 3), np.array([-0.7, 0.4, 2.5])], axis=1).reshape(1, 1, 3, 2), requires_grad=True)
    for mode in ("bilinear", "nearest"):
        y = F.grid_sample(image, grid, mode=mode, padding_mode="reflection", align_corners=True)
        np.testing.assert_allclose(y.detach().numpy(), image.numpy(), atol=1e-12)
    F.grid_sample(image, grid, padding_mode="reflection", align_corners=True).sum().backward()
    np.testing.assert_array_equal(grid.grad.numpy()[..., 1], 0)
