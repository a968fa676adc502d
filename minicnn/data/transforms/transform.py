"""The base class of all transforms, those that combine others, and the checks that they share.

Images are (C, H, W) arrays, uint8 from 0 to 255 or floats from 0 to 1; with further axes in front, all images of the
batch get the same draw. A transform returns an image of the same dtype unless it says otherwise, and never writes into
its input. Names, arguments and defaults are torchvision.transforms.v2's. Randomness comes from
`minicnn.data.random.current_generator()`.
"""

from numbers import Real

import numpy as np

from ...errors import InputError
from ..random import current_generator

__all__ = ["Transform", "Compose", "Lambda"]


class Transform:
    """Base class: write `transform(image)`; `__call__` checks the image first."""

    def __call__(self, image):
        return self.transform(checked_image(type(self).__name__, image))

    def transform(self, image):
        """The new image."""
        raise NotImplementedError(f"{type(self).__name__} must define transform(self, image)")

    def __repr__(self):
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({options})"


class Compose(Transform):
    """Compose([f, g, h])(x) = h(g(f(x)))."""

    def __init__(self, transforms):
        self.transforms = list(transforms) if isinstance(transforms, (list, tuple)) else [transforms]
        for transform in self.transforms:
            if not callable(transform):
                raise InputError("Compose", "transforms", "a list of functions of an image", type(transform).__name__)

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image


class Lambda(Transform):
    """Lambda(f)(x) = f(x), for a function of one's own."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise InputError("Lambda", "lambd", "a function of an image", type(lambd).__name__)
        self.lambd = lambd

    def __call__(self, image):
        return self.lambd(image)


# ------------------------------------------------------------------------------------------------------ checks

def checked_image(function, image):
    """`image`, if it is a (..., C, H, W) array of uint8, float32 or float64, and not empty."""
    if not isinstance(image, np.ndarray):
        raise InputError(function, "the image", "a NumPy array (C, H, W)", type(image).__name__,
                         "Put ToImage() first" if hasattr(image, "getbands") else "")
    if image.ndim < 3 or 0 in image.shape:
        raise InputError(function, "the image", "a NumPy array (C, H, W)", f"shape {image.shape}",
                         "Put ToImage() first" if image.ndim == 2 else "")
    if image.dtype not in (np.uint8, np.float32, np.float64):
        raise InputError(function, "the image", "uint8, float32 or float64", f"dtype {image.dtype}")
    return image


def is_number(value):
    """A finite real number, and not True or False."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(value))


def number(function, name, value, low=-np.inf, high=np.inf):
    """`value` as a float, if it is a number from low to high."""
    if not is_number(value) or not low <= value <= high:
        raise InputError(function, name, f"a number from {low:g} to {high:g}", repr(value))
    return float(value)


def interval(function, name, value, low=-np.inf, high=np.inf):
    """`value` as an ordered pair (a, b) with low <= a <= b <= high."""
    good = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_number, value))
    if not good or not low <= value[0] <= value[1] <= high:
        raise InputError(function, name, f"a pair (a, b) with {low:g} <= a <= b <= {high:g}", repr(value))
    return float(value[0]), float(value[1])


def size_pair(function, value):
    """An output size as (height, width); one number stands for both."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    pair = pair * 2 if len(pair) == 1 else pair
    if len(pair) != 2 or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in pair):
        raise InputError(function, "size", "a positive int or a pair (height, width)", repr(value))
    return int(pair[0]), int(pair[1])


def choice(function, name, value, allowed):
    """`value`, if it is one of `allowed`."""
    if value not in allowed:
        raise InputError(function, name, " or ".join(map(repr, allowed)), repr(value))
    return value


def uniform(low, high):
    """A number uniform on [low, high), from this thread's stream."""
    return float(current_generator().numpy.uniform(low, high))


def chance(p):
    """True with probability p."""
    return bool(current_generator().numpy.random() < p)


def to_dtype(values, dtype, whole=np.rint):
    """Float values in `dtype`: for uint8 rounded (or cut off, with whole=np.floor) and held to 0..255."""
    return np.clip(whole(values), 0, 255).astype(np.uint8) if dtype == np.uint8 else values.astype(dtype, copy=False)
