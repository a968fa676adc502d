"""Chapter 27: the library's own answers, and typical wrong ones with the idea that each misses."""

import numpy as np

import minicnn as mc
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong

# ------------------------------------------------------------------------------------------------------------ affine_grid


def affine_grid(theta, height, width, align_corners):
    """The library's."""
    return F.affine_grid(mc.tensor(theta), (len(theta), 1, height, width), align_corners).numpy()


def ticks(n, align_corners):
    """Centres of n pixels from -1 to 1."""
    return np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1


def base(h, w, align_corners):
    """(h, w, 3): x, y, 1."""
    x, y = np.meshgrid(ticks(w, align_corners), ticks(h, align_corners))
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def mapped(theta, points):
    """theta_n times each point."""
    return np.einsum("nik,hwk->nhwi", theta, points)


def inverted(theta, h, w, a):
    """The map from the input to the output."""
    square = np.concatenate([theta, np.tile([[[0.0, 0.0, 1.0]]], (len(theta), 1, 1))], axis=1)
    return mapped(np.linalg.inv(square)[:, :2], base(h, w, a))


WRONG_GRID = [
    ("x comes before y, in the points and in the result; here y comes first in both",
     lambda t, h, w, a: mapped(t, base(h, w, a)[..., [1, 0, 2]])[..., ::-1]),
    ("the points are (x, y, 1); here they are (y, x, 1)", lambda t, h, w, a: mapped(t, base(h, w, a)[..., [1, 0, 2]])),
    ("each place holds x before y; here y comes first", lambda t, h, w, a: mapped(t, base(h, w, a))[..., ::-1]),
    ("the corners are taken for pixel centres whatever align_corners says, see (27.2); without it -1 and 1 are the outer edges",
     lambda t, h, w, a: mapped(t, base(h, w, True))),
    ("align_corners is left out: with it -1 and 1 are centres of pixels, see (27.2)", lambda t, h, w, a: mapped(t, base(h, w, False))),
    ("align_corners is the wrong way round", lambda t, h, w, a: mapped(t, base(h, w, not a))),
    ("the shift, the third column of theta, is missing", lambda t, h, w, a: mapped(t[:, :, :2], base(h, w, a)[..., :2])),
    ("theta leads from the output to the input; here it is inverted", inverted),
    ("theta stands on the left of the point; here the 2 x 2 part is transposed",
     lambda t, h, w, a: mapped(np.concatenate([t[:, :, :2].transpose(0, 2, 1), t[:, :, 2:]], axis=2), base(h, w, a))),
    ("places run from -1 to 1; here they run from 0 to 1", lambda t, h, w, a: mapped(t, (base(h, w, a) + [1, 1, 1]) / 2)),
    ("every image has a map of its own; here all use the first", lambda t, h, w, a: mapped(np.repeat(t[:1], len(t), 0), base(h, w, a))),
    ("the result is (N, height, width, 2); here height and width are exchanged",
     lambda t, h, w, a: mapped(t, base(h, w, a)).transpose(0, 2, 1, 3)),
]

# ----------------------------------------------------------------------------------------------- bilinear_sample_backward


def bilinear_sample_backward(dy, x, grid, align_corners):
    """The library's gradients."""
    image, places = mc.tensor(x, requires_grad=True), mc.tensor(grid, requires_grad=True)
    F.grid_sample(image, places, align_corners=align_corners).backward(mc.tensor(dy))
    return image.grad.numpy(), places.grad.numpy()


def backward(dy, x, grid, a, *, assign=False, summed=False, printed=False, left_slope=False, factor=None, swapped=False, other=True,
             own=False, border=False, no_halo=False, one_channel=False, mean=False, sign=1, nearest=False, align=None, swapped_axes=False):
    """The gradients with faults to choose."""
    n, c, h, w = x.shape
    a = a if align is None else align(a)
    if swapped_axes:
        grid = grid[..., ::-1]
    scale = np.array([(w - 1) / 2, (h - 1) / 2] if a else [w / 2, h / 2])
    p = (grid + 1) * scale - (0 if a else 0.5)
    corner = np.ceil(p) - 1 if left_slope else np.floor(p)
    dx, slopes, k = np.zeros_like(x), np.zeros_like(grid), np.arange(n)[:, None, None]
    for down in (0, 1):
        for along in (0, 1):
            column, row = (corner[..., 0] + along).astype(int), (corner[..., 1] + down).astype(int)
            inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
            place = (k, slice(None), np.clip(row, 0, h - 1), np.clip(column, 0, w - 1))
            wx, wy = 1 - abs(p[..., 0] - column), 1 - abs(p[..., 1] - row)
            weight = wx * wy
            if nearest:
                weight = ((np.rint(p[..., 0]) == column) & (np.rint(p[..., 1]) == row)) * 1.0
            counted = np.ones_like(inside) if border else inside
            part = np.moveaxis(dy * (counted * weight)[:, None], 1, -1)
            if assign:
                dx[place] = part
            else:
                np.add.at(dx, place, part)
            sx, sy = 2 * along - 1.0, 2 * down - 1.0
            if printed:  # the paper's cases
                sx, sy = (np.where(abs(q - m) >= 1, 0, np.where(m >= q, 1, -1)) for q, m in ((p[..., 0], column), (p[..., 1], row)))
            values = np.moveaxis(x[place], -1, 1)
            pull = values[:, 0] * dy[:, 0] if one_channel else (values * dy).mean(1) if mean else (values * dy).sum(1)
            pull = pull * counted
            slopes[..., 0] += sign * pull * sx * ((wx if own else wy) if other else 1)
            slopes[..., 1] += sign * pull * sy * ((wy if own else wx) if other else 1)
    if summed:  # every pixel is told that it alone made up the output
        whole = np.zeros_like(grid[..., 0])
        for row in range(h):
            for column in range(w):
                whole += np.maximum(0, 1 - abs(p[..., 0] - column)) * np.maximum(0, 1 - abs(p[..., 1] - row))
        dx = np.broadcast_to((dy * whole[:, None]).sum((2, 3), keepdims=True), x.shape).copy()
    if no_halo:
        slopes = slopes * ((abs(grid) <= 1).all(-1, keepdims=True))
    dgrid = slopes * (scale if factor is None else factor(h, w, a))
    return dx, (dgrid[..., ::-1] if swapped or swapped_axes else dgrid)


def but(**fault):
    """The gradients with one fault."""
    return lambda dy, x, grid, align_corners: backward(dy, x, grid, align_corners, **fault)


def zero_grid(dy, x, grid, align_corners):
    """As if the places were constants."""
    return backward(dy, x, grid, align_corners)[0], np.zeros_like(grid)


WRONG_SAMPLE = [
    ("dV/dU of one pixel is the one product of its weights, without the printed sums; summed over all pixels it is 1, see (27.7)",
     but(summed=True)),
    ("on a pixel the printed cases give the pixel itself, not a slope: +1 is for x < m <= x + 1, -1 for x - 1 < m <= x, see (27.9)",
     but(printed=True)),
    ("on a pixel floor decides, so dgrid is the slope on the right; this is the one on the left, see (27.9)", but(left_slope=True)),
    ("dgrid holds x before y; here they are exchanged, see (27.8)", but(swapped=True)),
    ("grid holds x before y, and x counts columns; here it counts rows, see (27.2)", but(swapped_axes=True)),
    ("the step from -1 .. 1 to pixels is missing: dgrid needs the factors of (27.2)", but(factor=lambda h, w, a: np.ones(2))),
    ("the factor goes with align_corners: (W - 1) / 2 with it, W / 2 without; here always W / 2, see (27.2)",
     but(factor=lambda h, w, a: np.array([w, h]) / 2)),
    ("the factor goes with align_corners: (W - 1) / 2 with it, W / 2 without; here always (W - 1) / 2, see (27.2)",
     but(factor=lambda h, w, a: (np.array([w, h]) - 1) / 2)),
    ("x has the factor of the width and y that of the height; here they are exchanged, see (27.2)",
     but(factor=lambda h, w, a: (np.array([h, w]) - a) / 2)),
    ("the places run over 2 from -1 to 1, so the factor is W / 2, not W, see (27.2)", but(factor=lambda h, w, a: np.array([w, h]) - a)),
    ("align_corners is left out: with it -1 and 1 are centres of pixels, see (27.2)", but(align=lambda a: False)),
    ("align_corners is taken for granted: without it -1 and 1 are the outer edges, see (27.2)", but(align=lambda a: True)),
    ("align_corners is the wrong way round, see (27.2)", but(align=lambda a: not a)),
    ("several places may read one pixel: add, do not assign, see (27.7)", but(assign=True)),
    ("the slope in x is weighted by where y lies between its rows; that weight is missing, see (27.8)", but(other=False)),
    ("the slope in x has the weight of y, k(y - n), not that of x, see (27.8)", but(own=True)),
    ("outside the image there are zeros; here the border is repeated, see (27.5)", but(border=True)),
    ("a place less than a pixel outside still feels the border: cut off by pixels, not by |x| <= 1, see (27.12)", but(no_halo=True)),
    ("all channels are read at one place: dgrid is the sum over them, here only the first counts, see (27.8)", but(one_channel=True)),
    ("all channels are read at one place: dgrid is the sum over them, not their mean, see (27.8)", but(mean=True)),
    ("dgrid has the wrong sign: the pixel on the right counts +1, that on the left -1, see (27.8)", but(sign=-1)),
    ("dx goes to all four neighbours, by their weights, not to the nearest pixel alone, see (27.7)", but(nearest=True)),
    ("the places are variables too: dgrid is not 0, see (27.8)", zero_grid),
]

# --------------------------------------------------------------------------------------------------- affine_grid_backward


def affine_grid_backward(dgrid, align_corners):
    """The library's gradient."""
    n, h, w, _ = dgrid.shape
    theta = mc.tensor(np.zeros((n, 2, 3)), requires_grad=True)
    F.affine_grid(theta, (n, 1, h, w), align_corners).backward(mc.tensor(dgrid))
    return theta.grad.numpy()


def collected(dgrid, points):
    """Sum over the places of dgrid times point."""
    return np.einsum("nhwi,hwk->nik", dgrid, points)


def linear_only(dgrid, a):
    """No gradient for the shift."""
    result = collected(dgrid, base(*dgrid.shape[1:3], a))
    result[:, :, 2] = 0
    return result


WRONG_THETA = [
    ("the third column, the gradient of the shift, is the sum of dgrid, not 0", linear_only),
    ("all places share theta, so their gradients add up; this is the mean", lambda g, a: collected(g, base(*g.shape[1:3], a)) / g[0, :, :, 0].size),
    ("every image has a theta of its own; here the batch is summed", lambda g, a: np.repeat(collected(g, base(*g.shape[1:3], a)).sum(0, keepdims=True), len(g), 0)),
    ("the points are (x, y, 1), not (y, x, 1)", lambda g, a: collected(g, base(*g.shape[1:3], a)[..., [1, 0, 2]])),
    ("the first row of dtheta belongs to x, the second to y; here they are exchanged", lambda g, a: collected(g, base(*g.shape[1:3], a))[:, ::-1]),
    ("the points are those of the grid: without align_corners they do not reach -1 and 1, see (27.2)", lambda g, a: collected(g, base(*g.shape[1:3], True))),
    ("align_corners is left out: with it the first and last points are -1 and 1, see (27.2)", lambda g, a: collected(g, base(*g.shape[1:3], False))),
    ("align_corners is the wrong way round, see (27.2)", lambda g, a: collected(g, base(*g.shape[1:3], not a))),
    ("the points run from -1 to 1; here they are pixel numbers", lambda g, a: collected(g, np.stack(
        [*np.meshgrid(np.arange(g.shape[2]), np.arange(g.shape[1])), np.ones(g.shape[1:3])], axis=-1))),
    ("the step to pixels belongs to the sampler's gradient, not here", lambda g, a: collected(
        g * ((np.array(g.shape[2:0:-1]) - a) / 2), base(*g.shape[1:3], a))),
    ("dtheta is 2 x 3; the transposed product is 3 x 2", lambda g, a: collected(g, base(*g.shape[1:3], a)).transpose(0, 2, 1)),
]



def pointing(idea, equation):
    """The idea with the equation to look at, where it names none itself."""
    return idea if "see (" in idea else f"{idea}, see ({equation})"


WRONG = [*(Wrong("affine_grid", pointing(idea, "27.1"), answer) for idea, answer in WRONG_GRID),
         *(Wrong("bilinear_sample_backward", idea, answer) for idea, answer in WRONG_SAMPLE),
         *(Wrong("affine_grid_backward", pointing(idea, "27.3"), answer) for idea, answer in WRONG_THETA)]
