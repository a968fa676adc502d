"""Random erasing: paint over a random rectangle, so that the net cannot rely on any one part."""

import math

import numpy as np

from ...errors import InputError
from ..random import current_generator
from .transform import Transform, chance, interval, is_number, number, uniform

__all__ = ["RandomErasing"]


class RandomErasing(Transform):
    """With probability p, a rectangle of the image becomes `value`.

    area = u H W, u uniform on `scale`; height / width = r, log r uniform on log(ratio). Ten tries to find one smaller
    than the image, else the image stays. value: a number, one per channel, or 'random' (a standard normal draw per
    entry; float images only). Zhong et al. 2017, Algorithm 1; there r is uniform, which makes tall rectangles more
    likely than wide ones.
    """

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0):
        self.p = number("RandomErasing", "p", p, 0, 1)
        self.scale = interval("RandomErasing", "scale", scale, 0, 1)
        self.ratio = interval("RandomErasing", "ratio", ratio, 1e-12)
        self.value = value
        many = isinstance(value, (tuple, list)) and len(value) > 0 and all(map(is_number, value))
        if not (is_number(value) or many or (isinstance(value, str) and value == "random")):
            raise InputError("RandomErasing", "value", "a number, one per channel, or 'random'", repr(value))

    def transform(self, image):
        if not chance(self.p):
            return image
        place = self.get_params(*image.shape[-2:])
        if place is None:
            return image
        top, left, h, w = place
        image = image.copy()
        image[..., top:top + h, left:left + w] = self._paint(image, (h, w))
        return image

    def get_params(self, height, width):
        """Draw (top, left, h, w) of the rectangle; None if ten tries found none."""
        integers = current_generator().numpy.integers
        for _ in range(10):
            area = height * width * uniform(*self.scale)
            ratio = math.exp(uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if h < height and w < width:
                return int(integers(0, height - h + 1)), int(integers(0, width - w + 1)), h, w
        return None

    def _paint(self, image, size):
        """What to write: broadcasts to (..., C, h, w)."""
        if isinstance(self.value, str):
            if image.dtype == np.uint8:
                raise InputError("RandomErasing", "the image", "of floats, to erase with 'random'", "dtype uint8",
                                 "Put ToDtype(scale=True) before it")
            return current_generator().normal((*image.shape[:-2], *size), dtype=image.dtype)
        values = np.atleast_1d(self.value)
        if len(values) not in (1, image.shape[-3]):
            raise InputError("RandomErasing", "value", f"one number or {image.shape[-3]}, one per channel", self.value)
        return values[:, None, None]
