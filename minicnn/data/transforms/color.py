"""Brightness, contrast, saturation, hue; grey; AlexNet's colour noise."""

import numpy as np

from ...errors import InputError
from ..random import current_generator
from .transform import Transform, checked_image, interval, is_number, number, to_dtype, uniform

__all__ = ["ColorJitter", "Grayscale", "PCALighting"]

_GREY = np.array([0.2989, 0.587, 0.114])  # how bright red, green and blue look (ITU-R BT.601)
_IMAGENET_EIGENVALUES = (0.2175, 0.0188, 0.0045)
_IMAGENET_EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


def _floats(image):
    return image.astype(np.float32) if image.dtype == np.uint8 else image


def _bound(image):
    return 255 if image.dtype == np.uint8 else 1


def _colors(function, image):
    """The number of channels, which must be 1 or 3."""
    channels = image.shape[-3]
    if channels not in (1, 3):
        raise InputError(function, "the image", "of 1 or 3 channels", f"{channels} channels")
    return channels


def grey(image):
    """0.2989 R + 0.587 G + 0.114 B, with one channel; floats. A grey image is returned as it is."""
    x = _floats(image)
    if image.shape[-3] == 1:
        return x
    r, g, b = (x[..., c, None, :, :] for c in range(3))
    luminance = x.dtype.type(_GREY[0]) * r + x.dtype.type(_GREY[1]) * g + x.dtype.type(_GREY[2]) * b
    return np.floor(luminance) if image.dtype == np.uint8 else luminance


def _blend(image, other, factor):
    """factor * image + (1 - factor) * other, held to the image's range."""
    x = _floats(image)
    return to_dtype(np.clip(factor * x + (1 - factor) * other, 0, _bound(image)), image.dtype, np.floor)


def adjust_brightness(image, factor):
    """factor * x."""
    return _blend(image, 0, factor)


def adjust_contrast(image, factor):
    """factor * x + (1 - factor) * (mean grey of the image)."""
    return _blend(image, grey(image).mean(axis=(-3, -2, -1), keepdims=True), factor)


def adjust_saturation(image, factor):
    """factor * x + (1 - factor) * grey(x); a grey image stays."""
    return image if image.shape[-3] == 1 else _blend(image, grey(image), factor)


def hue_saturation_value(rgb):
    """(h, s, v), each from 0 to 1: v = max, s = (max - min) / max, h = the place on the circle red, green, blue."""
    r, g, b = (rgb[..., c, :, :] for c in range(3))
    v = rgb.max(axis=-3)
    chroma = v - rgb.min(axis=-3)
    d = np.where(chroma == 0, 1, chroma)
    sixths = np.where(v == r, (g - b) / d, np.where(v == g, 2 + (b - r) / d, 4 + (r - g) / d))
    return sixths / 6 % 1, chroma / np.where(v == 0, 1, v), v


def red_green_blue(h, s, v):
    """The inverse: channel n = v - v s max(0, min(k, 4 - k, 1)) with k = (n + 6 h) mod 6, n = 5, 3, 1."""
    def channel(n):
        k = (n + 6 * h) % 6
        return v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1)

    return np.stack([channel(n) for n in (5, 3, 1)], axis=-3)


def adjust_hue(image, shift):
    """h + shift mod 1 in hue, saturation, value; a grey image stays."""
    if image.shape[-3] == 1:
        return image
    x = _floats(image) / _floats(image).dtype.type(_bound(image))
    h, s, v = hue_saturation_value(x)
    turned = red_green_blue((h + x.dtype.type(shift)) % 1, s, v)
    return (turned * (256 - 1e-3)).astype(np.uint8) if image.dtype == np.uint8 else turned


class ColorJitter(Transform):
    """Random brightness, contrast, saturation and hue, in random order.

    brightness b: the factor is uniform on (max(0, 1 - b), 1 + b), or on a pair (low, high); so for contrast and
    saturation. hue h <= 1/2: the shift is uniform on (-h, h). What is 0 stays. Float images must lie in 0..1, and do so
    after it.
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        self.brightness, self.contrast, self.saturation = (
            self._range(name, value, 1, 0, np.inf)
            for name, value in (("brightness", brightness), ("contrast", contrast), ("saturation", saturation)))
        self.hue = self._range("hue", hue, 0, -0.5, 0.5)

    @staticmethod
    def _range(name, value, middle, low, high):
        if is_number(value):
            spread = number("ColorJitter", name, value, 0, high)
            value = (max(low, middle - spread), min(high, middle + spread))
        low, high = interval("ColorJitter", name, value, low, high)
        return None if low == high == middle else (low, high)

    def transform(self, image):
        _colors("ColorJitter", image)
        steps = ((adjust_brightness, self.brightness), (adjust_contrast, self.contrast),
                 (adjust_saturation, self.saturation), (adjust_hue, self.hue))
        for place in current_generator().permutation(4):
            adjust, values = steps[place]
            if values is not None:
                image = adjust(image, uniform(*values))
        return image


class Grayscale(Transform):
    """0.2989 R + 0.587 G + 0.114 B, in one channel, or in three equal ones."""

    def __init__(self, num_output_channels=1):
        if num_output_channels not in (1, 3):
            raise InputError("Grayscale", "num_output_channels", "1 or 3", repr(num_output_channels))
        self.num_output_channels = num_output_channels

    def transform(self, image):
        _colors("Grayscale", image)
        return to_dtype(grey(image), image.dtype).repeat(self.num_output_channels, axis=-3)


class PCALighting(Transform):
    """x_c + sum over k of eigvec[c, k] eigval[k] a_k, with a_k ~ N(0, alpha_std^2) drawn once for the whole image.

    eigval, eigvec (a vector a column): of the covariance of RGB over the training set, by default ImageNet's for float
    images in 0..1, as published with fb.resnet.torch. `PCALighting.fit(images)` finds those of other images.
    Krizhevsky, Sutskever and Hinton 2012, section 4.1.
    """

    def __init__(self, alpha_std=0.1, eigval=_IMAGENET_EIGENVALUES, eigvec=_IMAGENET_EIGENVECTORS):
        self.alpha_std = number("PCALighting", "alpha_std", alpha_std, 0)
        self.eigval, self.eigvec = np.asarray(eigval, float), np.asarray(eigvec, float)
        if self.eigval.shape != (3,) or self.eigvec.shape != (3, 3):
            raise InputError("PCALighting", "eigval and eigvec", "of shapes (3,) and (3, 3)",
                             f"shapes {self.eigval.shape} and {self.eigvec.shape}")

    @classmethod
    def fit(cls, images, alpha_std=0.1):
        """From float images (N, 3, H, W): the eigenvectors of the 3 x 3 covariance of their pixels, largest first."""
        pixels = np.moveaxis(checked_image("PCALighting.fit", images), -3, 0).reshape(images.shape[-3], -1)
        eigval, eigvec = np.linalg.eigh(np.cov(pixels.astype(float)))
        return cls(alpha_std, eigval[::-1], eigvec[:, ::-1])

    def transform(self, image):
        if image.dtype == np.uint8 or image.shape[-3] != 3:
            raise InputError("PCALighting", "the image", "of floats, with 3 channels",
                             f"dtype {image.dtype}, shape {image.shape}", "Put ToDtype(scale=True) before it")
        amounts = current_generator().numpy.normal(0, self.alpha_std, 3) if self.alpha_std else np.zeros(3)
        shift = (self.eigvec * (amounts * self.eigval)).sum(axis=1)
        return image + shift.astype(image.dtype)[:, None, None]
