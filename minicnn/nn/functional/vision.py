"""Resizing, sampling and pixel shuffles, as torch.nn.functional has them."""

import math

from ...autograd import raw
from ...errors import InputError
from ...ops import sample as S
from ...ops.checks import checked
from ...ops.shape import reshape, transpose
from .checks import check_choice, check_float, check_input, pair

__all__ = ["interpolate", "upsample", "affine_grid", "grid_sample", "pixel_shuffle", "pixel_unshuffle"]


@checked
def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """An image (n, c, h, w) in another size, by the nearest pixel or bilinearly.

    size: (h', w') or one int; or scale_factor: number or pair, then h' = floor(h * factor), and the factor itself sets
    the sampling step, as in PyTorch. align_corners (bilinear only): corner pixels stay at the corners; the default
    False aligns the outer edges.
    """
    check_input("interpolate", input, (4,), "(n, c, h, w)")
    check_choice("interpolate", "mode", mode, ("nearest", "bilinear"))
    if align_corners is not None and mode == "nearest":
        raise InputError("interpolate", "align_corners", "None for mode 'nearest'", align_corners)
    if (size is None) == (scale_factor is None):
        raise InputError("interpolate", "size, scale_factor", "exactly one of the two given", f"{size}, {scale_factor}")
    if 0 in input.shape[2:]:
        raise InputError("interpolate", "input", "of non-empty height and width", f"shape {tuple(input.shape)}")
    scale = None
    if size is None:
        scale = (scale_factor,) * 2 if isinstance(scale_factor, (int, float)) else scale_factor
        if not isinstance(scale, (tuple, list)) or len(scale) != 2 or not all(isinstance(s, (int, float)) and 0 < s for s in scale):
            raise InputError("interpolate", "scale_factor", "a positive number or a pair", scale_factor)
        size = tuple(math.floor(n * s) for n, s in zip(input.shape[2:], scale))
    size = pair("interpolate", "size", size, 1)
    return S.interpolate(input, size=size, scale=scale, mode=mode, align_corners=bool(align_corners))


upsample = interpolate


@checked
def affine_grid(theta, size, align_corners=None):
    """Sampling places (n, h, w, 2) of the affine maps theta (n, 2, 3) for an output of size (n, c, h, w).

    grid[n,i,j] = theta_n [x_j, y_i, 1]^T with x, y from -1 to 1: at pixel centres of the corners if align_corners,
    at the outer edges if not (the default). Jaderberg et al. 2015, eq. 1.
    """
    check_float("affine_grid", theta, "theta")
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (2, 3):
        raise InputError("affine_grid", "theta", "of shape (n, 2, 3)", f"shape {tuple(theta.shape)}")
    whole = isinstance(size, (tuple, list)) and all(isinstance(n, int) and n > 0 for n in size)
    if not whole or len(size) != 4 or size[0] != theta.shape[0]:
        raise InputError("affine_grid", "size", f"({theta.shape[0]}, c, h, w)", size)
    base = S.base_grid(raw(theta), size[2], size[3], bool(align_corners))
    flat = base.reshape((1, size[2] * size[3], 3))
    grid = flat @ transpose(theta, axes=(0, 2, 1)) if hasattr(theta, "_data") else flat @ theta.transpose(0, 2, 1)
    return reshape(grid, shape=(size[0], size[2], size[3], 2))


@checked
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Values of images (n, c, h, w) at the places grid (n, h', w', 2), x before y, from -1 to 1 across the image.

    mode 'bilinear' or 'nearest'; outside the image 'zeros', 'border' or 'reflection'. Differentiable in both arguments;
    the derivative by a place is one-sided at pixel centres (floor convention). Jaderberg et al. 2015, eq. 5-7.
    """
    check_input("grid_sample", input, (4,), "(n, c, h, w)")
    check_float("grid_sample", grid, "grid")
    check_choice("grid_sample", "mode", mode, ("bilinear", "nearest"))
    check_choice("grid_sample", "padding_mode", padding_mode, ("zeros", "border", "reflection"))
    if grid.ndim != 4 or grid.shape[3] != 2 or grid.shape[0] != input.shape[0]:
        raise InputError("grid_sample", "grid", f"of shape ({input.shape[0]}, h, w, 2)", f"shape {tuple(grid.shape)}")
    if 0 in input.shape[2:]:
        raise InputError("grid_sample", "input", "of non-empty height and width", f"shape {tuple(input.shape)}")
    return S.grid_sample(input, grid, mode=mode, padding_mode=padding_mode, align_corners=bool(align_corners))


@checked
def pixel_shuffle(input, upscale_factor):
    """(n, c r^2, h, w) -> (n, c, h r, w r): channels spread over r x r blocks of pixels. Shi et al. 2016, eq. 4."""
    check_input("pixel_shuffle", input, (4,), "(n, c r^2, h, w)")
    r = pair("pixel_shuffle", "upscale_factor", upscale_factor, 1, 1)[0]
    n, c, h, w = input.shape
    if c % (r * r):
        raise InputError("pixel_shuffle", "input", f"of a multiple of {r * r} channels", f"shape {tuple(input.shape)}")
    blocks = reshape(input, shape=(n, c // (r * r), r, r, h, w))
    return reshape(transpose(blocks, axes=(0, 1, 4, 2, 5, 3)), shape=(n, c // (r * r), h * r, w * r))


@checked
def pixel_unshuffle(input, downscale_factor):
    """(n, c, h r, w r) -> (n, c r^2, h, w): the inverse of pixel_shuffle."""
    check_input("pixel_unshuffle", input, (4,), "(n, c, h r, w r)")
    r = pair("pixel_unshuffle", "downscale_factor", downscale_factor, 1, 1)[0]
    n, c, h, w = input.shape
    if h % r or w % r:
        raise InputError("pixel_unshuffle", "input", f"of height and width divisible by {r}", f"shape {tuple(input.shape)}")
    blocks = reshape(input, shape=(n, c, h // r, r, w // r, r))
    return reshape(transpose(blocks, axes=(0, 1, 3, 5, 2, 4)), shape=(n, c * r * r, h // r, w // r))
