"""From pictures to arrays, between dtypes, and to zero mean and unit variance."""

import numpy as np

from ...errors import InputError
from .transform import Compose, Transform, is_number

__all__ = ["ToImage", "ToDtype", "ToTensor", "Normalize"]

_CHANNELS = (1, 2, 3, 4)


class ToImage(Transform):
    """A (C, H, W) array of a Pillow picture (L, LA, RGB or RGBA) or of an array (H, W) or (H, W, C); the dtype stays.

    An array whose last axis cannot be channels (1 to 4) but whose first can, is taken to be (C, H, W) already.
    """

    def __call__(self, image):
        if hasattr(image, "getbands"):  # a Pillow image
            if image.mode not in ("L", "LA", "RGB", "RGBA"):
                raise InputError("ToImage", "the picture", "of mode L, LA, RGB or RGBA", f"mode {image.mode}",
                                 "Write picture.convert('RGB') first")
            image = np.array(image)
        if not isinstance(image, np.ndarray):
            raise InputError("ToImage", "the picture", "a Pillow image or a NumPy array", type(image).__name__)
        if image.ndim == 2:
            return image[None]
        if image.ndim != 3 or not (image.shape[2] in _CHANNELS or image.shape[0] in _CHANNELS):
            raise InputError("ToImage", "the picture", "(H, W), (H, W, C) or (C, H, W) with 1 to 4 channels",
                             f"shape {image.shape}")
        if image.shape[2] not in _CHANNELS:
            return image
        return np.ascontiguousarray(image.transpose(2, 0, 1))


class ToDtype(Transform):
    """The image in another dtype (uint8, float32, float64); with `scale`, 0..255 of uint8 means 0..1 of floats.

    scale=True: uint8 to float is x / 255; float to uint8 is floor(255.999 x), which gives each level an equal share.
    scale=False: the numbers stay (floats are cut off to integers).
    """

    def __init__(self, dtype=np.float32, scale=False):
        self.dtype = np.dtype(dtype)
        self.scale = scale
        if self.dtype not in (np.uint8, np.float32, np.float64):
            raise InputError("ToDtype", "dtype", "uint8, float32 or float64", repr(dtype))

    def transform(self, image):
        if not self.scale or image.dtype == self.dtype or image.dtype != np.uint8 != self.dtype:
            return image.astype(self.dtype)
        if self.dtype == np.uint8:
            return np.clip(image * (256 - 1e-3), 0, 255).astype(np.uint8)
        return image.astype(self.dtype) / self.dtype.type(255)


class ToTensor(Compose):
    """ToImage, then ToDtype(float32, scale=True): torchvision's older name. Returns an array; the loader makes
    tensors."""

    def __init__(self):
        super().__init__([ToImage(), ToDtype(np.float32, scale=True)])


class Normalize(Transform):
    """y_c = (x_c - mean_c) / std_c for each channel c of a float image; mean and std: one number per channel."""

    def __init__(self, mean, std):
        self.mean, self.std = self._numbers("mean", mean), self._numbers("std", std)
        if any(s <= 0 for s in self.std):
            raise InputError("Normalize", "std", "positive", std)

    @staticmethod
    def _numbers(name, values):
        values = [values] if is_number(values) else list(values)
        if not values or not all(map(is_number, values)):
            raise InputError("Normalize", name, "a number per channel", repr(values))
        return [float(v) for v in values]

    def transform(self, image):
        if image.dtype == np.uint8:
            raise InputError("Normalize", "the image", "of floats", "dtype uint8", "Put ToDtype(scale=True) before it")
        channels = image.shape[-3]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise InputError("Normalize", name, f"of length {channels}, the channels of the image", len(values))
        mean, std = (np.array(v, image.dtype)[:, None, None] for v in (self.mean, self.std))
        return (image - mean) / std
