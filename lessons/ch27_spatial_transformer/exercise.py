"""Chapter 27, homework: the gradients of a spatial transformer.

Write the three functions; `pytest lessons/ch27_spatial_transformer` or `minicnn check 27` grades them. All arrays are NumPy's,
float64. Pixels count from 0 in code. align_corners says where -1 and 1 lie, (27.2): True, at the centres of the first and the
last pixel, place p = (t + 1) (size - 1) / 2; False, at the outer edges, p = ((t + 1) size - 1) / 2.
"""

import numpy as np  # noqa: F401


def affine_grid(theta, height, width, align_corners):
    """The places that the maps theta read, (27.1).

    theta: (N, 2, 3). Returns (N, height, width, 2): place [n, i, j] is theta_n (x_j, y_i, 1), x before y, where x_j and y_i run
    over the centres of the output's pixels. align_corners: x_j = -1 + 2 j / (width - 1); else x_j = (2 j + 1) / width - 1.
    height and width are at least 2. Hint: np.meshgrid; then one matrix product.
    """
    raise NotImplementedError("to do")


def bilinear_sample_backward(dy, x, grid, align_corners):
    """(dx, dgrid) of y = x sampled bilinearly at the places of grid, zeros outside: (27.7), (27.8) and (27.2).

    dy: (N, C, h, w), the gradient in y. x: (N, C, H, W). grid: (N, h, w, 2), x before y, from -1 to 1 across the image.
    dx: like x, dgrid: like grid. On a pixel, floor decides: dgrid is the slope on the right (and below), as (27.8) has it.
    Hint: for each of the four pixels around a place, its weight for dx, its slopes for dgrid, and nothing where it lies outside.
    np.add.at adds where places share a pixel.
    """
    raise NotImplementedError("to do")


def affine_grid_backward(dgrid, align_corners):
    """dtheta (N, 2, 3) of grid = affine_grid(theta, ...), (27.3).

    dgrid: (N, h, w, 2), the gradient in the places; h and w are at least 2. Hint: the matrix product of affine_grid, transposed.
    """
    raise NotImplementedError("to do")
