"""Cuts, borders and mirror images."""

import math

import numpy as np

from ...errors import InputError
from ..random import current_generator
from .resize import INTERPOLATIONS, resize
from .transform import Transform, chance, choice, interval, number, size_pair, uniform

__all__ = ["CenterCrop", "Pad", "RandomCrop", "RandomResizedCrop", "RandomHorizontalFlip", "RandomVerticalFlip"]

_MODES = ("constant", "edge", "reflect", "symmetric")


def _integer(low, high):
    """A whole number uniform on low, ..., high."""
    return int(current_generator().numpy.integers(low, high + 1))


def _borders(function, padding):
    """(left, top, right, bottom) from one number, (left and right, top and bottom) or all four."""
    values = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,)
    if len(values) not in (1, 2, 4) or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0
                                           for n in values):
        raise InputError(function, "padding", "an int >= 0, or 2 or 4 of them (left, top, right, bottom)",
                         repr(padding))
    return values * (4 // len(values))


def pad(image, borders, fill=0, mode="constant"):
    """`image` with borders (left, top, right, bottom) of a constant, or of its own pixels."""
    left, top, right, bottom = borders
    if mode == "reflect" and (max(left, right) >= image.shape[-1] or max(top, bottom) >= image.shape[-2]):
        raise InputError("Pad", "padding", f"below the size of the image {image.shape[-2:]} to reflect it", borders)
    widths = [(0, 0)] * (image.ndim - 2) + [(top, bottom), (left, right)]
    return np.pad(image, widths, mode, **({"constant_values": fill} if mode == "constant" else {}))


class Pad(Transform):
    """The image with a border: `fill` (mode 'constant'), its own edge ('edge'), or its mirror image.

    padding: one number for all sides, (left and right, top and bottom), or (left, top, right, bottom). 'reflect'
    mirrors without repeating the edge (c b | a b c), 'symmetric' with it (b a | a b c).
    """

    def __init__(self, padding, fill=0, padding_mode="constant"):
        self.padding, self._borders = padding, _borders("Pad", padding)
        self.fill = number("Pad", "fill", fill)
        self.padding_mode = choice("Pad", "padding_mode", padding_mode, _MODES)

    def transform(self, image):
        return pad(image, self._borders, self.fill, self.padding_mode)


class CenterCrop(Transform):
    """The middle (height, width) of the image; where the image is smaller, it gets a border of zeros first."""

    def __init__(self, size):
        self.size = size_pair("CenterCrop", size)

    def transform(self, image):
        new, old = self.size, image.shape[-2:]
        above, left = (max(0, n - o) // 2 for n, o in zip(new, old))
        below, right = (max(0, n - o + 1) // 2 for n, o in zip(new, old))
        image = pad(image, (left, above, right, below))
        top, left = (round((o - n) / 2) for n, o in zip(new, image.shape[-2:]))
        return image[..., top:top + new[0], left:left + new[1]].copy()


class RandomCrop(Transform):
    """A cut of `size` (height, width), its place uniform over all that fit, after a border as in Pad.

    RandomCrop(32, padding=4) is the augmentation of CIFAR's papers. pad_if_needed: widen what is smaller than the size.
    """

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        self.size = size_pair("RandomCrop", size)
        self.padding, self._borders = padding, None if padding is None else _borders("RandomCrop", padding)
        self.pad_if_needed, self.fill = pad_if_needed, number("RandomCrop", "fill", fill)
        self.padding_mode = choice("RandomCrop", "padding_mode", padding_mode, _MODES)

    def transform(self, image):
        if self._borders is not None:
            image = pad(image, self._borders, self.fill, self.padding_mode)
        if self.pad_if_needed:
            below, right = (max(0, n - old) for n, old in zip(self.size, image.shape[-2:]))
            image = pad(image, (right, below, right, below), self.fill, self.padding_mode)
        (height, width), (h, w) = image.shape[-2:], self.size
        if h > height or w > width:
            raise InputError("RandomCrop", "size", f"at most the (padded) image's {(height, width)}", self.size,
                             "Give a padding, or pad_if_needed=True")
        top, left = _integer(0, height - h), _integer(0, width - w)
        return image[..., top:top + h, left:left + w].copy()


class RandomResizedCrop(Transform):
    """A cut of random area and shape, resized to `size`: GoogLeNet's training crop (Szegedy et al. 2015, section 6).

    area = u * H * W with u uniform on `scale`; width / height = r with log r uniform on log(ratio). Ten tries to find
    one that fits; then the largest middle cut whose shape is within `ratio`.
    """

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), interpolation="bilinear", antialias=True):
        self.size = size_pair("RandomResizedCrop", size)
        self.scale = interval("RandomResizedCrop", "scale", scale, 1e-12)
        self.ratio = interval("RandomResizedCrop", "ratio", ratio, 1e-12)
        self.interpolation = choice("RandomResizedCrop", "interpolation", interpolation, INTERPOLATIONS)
        self.antialias = antialias

    def transform(self, image):
        top, left, h, w = self.get_params(*image.shape[-2:])
        return resize(image[..., top:top + h, left:left + w], self.size, self.interpolation, self.antialias)

    def get_params(self, height, width):
        """Draw (top, left, h, w) of the cut."""
        for _ in range(10):
            area = height * width * uniform(*self.scale)
            ratio = math.exp(uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return _integer(0, height - h), _integer(0, width - w), h, w
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        w, h = min(width, max(1, round(height * ratio))), min(height, max(1, round(width / ratio)))
        return (height - h) // 2, (width - w) // 2, h, w


class RandomHorizontalFlip(Transform):
    """The mirror image, left for right, with probability p."""

    def __init__(self, p=0.5):
        self.p = number("RandomHorizontalFlip", "p", p, 0, 1)

    def transform(self, image):
        return image[..., ::-1].copy() if chance(self.p) else image


class RandomVerticalFlip(Transform):
    """The image upside down, with probability p."""

    def __init__(self, p=0.5):
        self.p = number("RandomVerticalFlip", "p", p, 0, 1)

    def transform(self, image):
        return image[..., ::-1, :].copy() if chance(self.p) else image
