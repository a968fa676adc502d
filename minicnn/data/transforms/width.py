"""Digits of one width: the preprocessing of multi-column networks."""

import numpy as np

from ...errors import InputError
from .resize import resize
from .transform import Transform, is_number

__all__ = ["NormalizeWidth"]


class NormalizeWidth(Transform):
    """What is drawn on the image stretched or squeezed to `width` columns, and put into the middle; the height stays.

    The columns from the first to the last that hold a value above `threshold` (a share of the largest possible value: 255, or 1
    for floats) are resized to `width` columns; all others become 0. An empty image stays as it is.
    Ciresan, Meier, Schmidhuber 2012, section 3: MNIST's digits at 10, 12, ..., 20 columns.
    """

    def __init__(self, width, threshold=0.0):
        if isinstance(width, bool) or not isinstance(width, (int, np.integer)) or width < 1:
            raise InputError("NormalizeWidth", "width", "a positive int", repr(width))
        if not is_number(threshold) or not 0 <= threshold < 1:
            raise InputError("NormalizeWidth", "threshold", "a number from 0 up to but not including 1", repr(threshold))
        self.width, self.threshold = int(width), float(threshold)

    def transform(self, image):
        if image.ndim > 3:  # each image of a batch has its own first and last column
            return np.stack([self.transform(one) for one in image])
        if self.width > image.shape[-1]:
            raise InputError("NormalizeWidth", "the image", f"at least {self.width} columns wide", f"shape {image.shape}")
        limit = self.threshold * (255 if image.dtype == np.uint8 else 1)
        inked = np.flatnonzero((image > limit).any(axis=(0, 1)))
        if not inked.size:
            return image.copy()
        drawn = resize(image[..., inked[0] : inked[-1] + 1], (image.shape[-2], self.width))
        out, start = np.zeros_like(image), (image.shape[-1] - self.width) // 2
        out[..., start : start + self.width] = drawn
        return out
