"""Resize: each output pixel is a weighted mean of input pixels, along one axis after the other."""

import numpy as np

from ...errors import InputError
from .transform import Transform, choice, size_pair, to_dtype

__all__ = ["Resize", "resize"]

INTERPOLATIONS = ("nearest", "bilinear")


def _taps(n_in, n_out, antialias):
    """Input places (taps, n_out) and their weights, each column summing to 1.

    With pixel centres at i + 1/2, output i lies at c = (i + 1/2) n_in / n_out of the input, and input j weighs
    max(0, 1 - |j + 1/2 - c| / s). s = 1 is linear interpolation. When shrinking with antialias, s = n_in / n_out: the
    triangle is widened to cover all the input pixels that the output pixel stands for (Pillow's rule).
    """
    scale = n_in / n_out
    support = max(scale, 1.0) if antialias else 1.0
    centre = (np.arange(n_out) + 0.5) * scale
    places = np.floor(centre - support).astype(int) + np.arange(int(np.ceil(2 * support)) + 2)[:, None]
    weights = np.maximum(0, 1 - np.abs(places + 0.5 - centre) / support)
    weights[(places < 0) | (places >= n_in)] = 0  # beyond the border nothing counts; the others make up for it
    weights /= weights.sum(axis=0)
    used = weights.any(axis=1)
    return np.clip(places, 0, n_in - 1)[used], weights[used]


def _resample(image, axis, n_out, antialias):
    """sum over taps of weight * input, along one axis: a fixed order of sums, the same bits in every thread."""
    places, weights = _taps(image.shape[axis], n_out, antialias)
    weights = weights.astype(image.dtype)
    if axis == -2:
        weights = weights[:, :, None]
    return sum(w * image.take(p, axis=axis) for p, w in zip(places, weights))


def resize(image, size, interpolation="bilinear", antialias=True):
    """`image` (..., H, W) at `size` (height, width); see Resize."""
    height, width = image.shape[-2:]
    if (height, width) == tuple(size):
        return image.copy()
    if interpolation == "nearest":
        rows, columns = (np.arange(n) * old // n for n, old in zip(size, (height, width)))
        return image[..., rows[:, None], columns]
    x = image.astype(np.float32) if image.dtype == np.uint8 else image
    for axis in (-1, -2):
        if x.shape[axis] != size[axis]:
            x = _resample(x, axis, size[axis], antialias)
    return to_dtype(x, image.dtype)


class Resize(Transform):
    """The image at another size, by `interpolation` 'bilinear' or 'nearest'.

    size: (height, width), or an int for the shorter side, the longer one following in proportion (rounded down).
    max_size (with an int): the longer side at most. antialias: when shrinking, average over all pixels that one output
    pixel covers, as Pillow does (default, as torchvision's); False takes two neighbours per axis, whatever the factor.
    """

    def __init__(self, size, interpolation="bilinear", max_size=None, antialias=True):
        self._pair = size_pair("Resize", size)
        self._one = not isinstance(size, (tuple, list)) or len(size) == 1
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = choice("Resize", "interpolation", interpolation, INTERPOLATIONS)
        if max_size is not None and (not self._one or max_size < self._pair[0]):
            raise InputError("Resize", "max_size", "at least size, and size one int", f"{max_size} with size {size}")

    def transform(self, image):
        return resize(image, self._target(*image.shape[-2:]), self.interpolation, self.antialias)

    def _target(self, height, width):
        """The output size for an input size."""
        if not self._one:
            return self._pair
        short, long = sorted((height, width))
        new_short, new_long = self._pair[0], int(self._pair[0] * long / short)
        if self.max_size is not None and new_long > self.max_size:
            new_short, new_long = max(1, int(self.max_size * new_short / new_long)), self.max_size
        return (new_short, new_long) if height <= width else (new_long, new_short)
