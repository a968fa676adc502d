"""Rotation, shift, scale and shear: output pixel by output pixel, look up where it came from (inverse mapping)."""

import math

import numpy as np

from ...errors import InputError
from .transform import Transform, choice, interval, is_number, number, to_dtype, uniform

__all__ = ["RandomRotation", "RandomAffine", "affine"]

_INTERPOLATIONS = ("nearest", "bilinear")


def affine_matrix(angle, scale, shear):
    """A = scale R(angle) [1 0; -tan s_y 1] [1 -tan s_x; 0 1], on columns (x, y) with y downwards; degrees.

    A positive angle turns clockwise on the screen (torchvision's functional.affine).
    """
    a, sx, sy = (math.radians(v) for v in (angle, *shear))
    rotation = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    return scale * rotation @ [[1, 0], [-math.tan(sy), 1]] @ [[1, -math.tan(sx)], [0, 1]]


def _pixels(image, y, x, fill):
    """image[..., y, x], and `fill` where (y, x) lies outside."""
    height, width = image.shape[-2:]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return np.where(inside, image[..., np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], fill)


def sample(image, y, x, interpolation, fill):
    """The image's values at real coordinates (y, x), pixel centres at whole numbers; outside lies `fill`."""
    if interpolation == "nearest":
        return _pixels(image, np.rint(y).astype(int), np.rint(x).astype(int), fill)
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    v, u = (y - y0).astype(image.dtype), (x - x0).astype(image.dtype)  # how far towards the next pixel
    return ((1 - v) * (1 - u) * _pixels(image, y0, x0, fill) + (1 - v) * u * _pixels(image, y0, x0 + 1, fill)
            + v * (1 - u) * _pixels(image, y0 + 1, x0, fill) + v * u * _pixels(image, y0 + 1, x0 + 1, fill))


def affine(image, angle=0.0, translate=(0, 0), scale=1.0, shear=(0.0, 0.0), interpolation="nearest", fill=0,
           center=None):
    """y(A (p - c) + c + t) = x(p): turn, scale and shear `image` about c, then shift it by t = (right, down) pixels.

    Each output pixel q is read at p = A^-1 (q - c - t) + c. A: `affine_matrix`. center: (x, y) in pixels from the
    image's upper left corner, default its middle. Where a bilinear output pixel lies half outside, `fill` takes the
    share of the neighbours that are missing (torchvision counts that share twice, so its rims are nearer to `fill`).
    """
    height, width = image.shape[-2:]
    cx, cy = (width / 2, height / 2) if center is None else center
    cx, cy = cx - 0.5, cy - 0.5  # corners to pixel centres
    inverse = np.linalg.inv(affine_matrix(angle, scale, shear))
    qx, qy = np.arange(width) - cx - translate[0], np.arange(height)[:, None] - cy - translate[1]
    px = inverse[0, 0] * qx + inverse[0, 1] * qy + cx
    py = inverse[1, 0] * qx + inverse[1, 1] * qy + cy
    x = image.astype(np.float32) if image.dtype == np.uint8 else image
    near = np.round(py, 9), np.round(px, 9)  # 3.0000000001 is 3: a quarter turn stays exact
    return to_dtype(sample(x, *near, interpolation, np.asarray(fill, x.dtype)), image.dtype)


def _degrees(function, name, value):
    """A range of angles: one number d means (-d, d)."""
    if is_number(value):
        value = (-number(function, name, value, 0), float(value))
    return interval(function, name, value)


def _center(function, center):
    pair = isinstance(center, (tuple, list)) and len(center) == 2 and all(map(is_number, center))
    if center is not None and not pair:
        raise InputError(function, "center", "None or a pair (x, y)", repr(center))
    return center


class RandomRotation(Transform):
    """The image turned counter-clockwise by an angle uniform on `degrees` (one number d: from -d to d).

    interpolation: 'nearest' (default, torchvision's) or 'bilinear'. fill: what comes in from outside. center: (x, y),
    default the middle. The size stays.
    """

    def __init__(self, degrees, interpolation="nearest", center=None, fill=0):
        self.degrees = _degrees("RandomRotation", "degrees", degrees)
        self.interpolation = choice("RandomRotation", "interpolation", interpolation, _INTERPOLATIONS)
        self.center, self.fill = _center("RandomRotation", center), number("RandomRotation", "fill", fill)

    def transform(self, image):
        angle = uniform(*self.degrees)
        return affine(image, -angle, interpolation=self.interpolation, fill=self.fill, center=self.center)


class RandomAffine(Transform):
    """The image turned, shifted, scaled and sheared about its middle, by amounts drawn anew each time.

    degrees: angle, clockwise, uniform on the pair (or on (-d, d)). translate: (a, b), shift uniform on (-a W, a W) and
    (-b H, b H), rounded to pixels. scale: pair. shear: degrees; d or (low, high) along x only, four numbers for x and
    y. What is None stays. Otherwise as RandomRotation.
    """

    def __init__(self, degrees, translate=None, scale=None, shear=None, interpolation="nearest", fill=0, center=None):
        name = "RandomAffine"
        self.degrees = _degrees(name, "degrees", degrees)
        self.translate = translate
        if translate is not None and not (isinstance(translate, (tuple, list)) and len(translate) == 2
                                          and all(is_number(t) and 0 <= t <= 1 for t in translate)):
            raise InputError(name, "translate", "a pair of fractions from 0 to 1", repr(translate))
        self.scale = None if scale is None else interval(name, "scale", scale, 1e-12)
        pairs = [shear[:2], shear[2:]] if isinstance(shear, (tuple, list)) and len(shear) == 4 else [shear]
        self.shear = None if shear is None else [_degrees(name, "shear", pair) for pair in pairs]
        self.interpolation = choice(name, "interpolation", interpolation, _INTERPOLATIONS)
        self.fill, self.center = number(name, "fill", fill), _center(name, center)

    def transform(self, image):
        height, width = image.shape[-2:]
        angle = uniform(*self.degrees)
        shift = (0, 0)
        if self.translate is not None:
            shift = tuple(round(uniform(-t * n, t * n)) for t, n in zip(self.translate, (width, height)))
        scale = 1.0 if self.scale is None else uniform(*self.scale)
        shear = [0.0, 0.0]
        for axis, pair in enumerate(self.shear or ()):
            shear[axis] = uniform(*pair)
        return affine(image, angle, shift, scale, shear, self.interpolation, self.fill, self.center)
