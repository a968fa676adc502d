"""MixUp and CutMix: train on mixtures of two images, and of their labels in the same shares. For whole batches."""

import math

import numpy as np

from ...backend import is_array, to_numpy, xp_of
from ...errors import InputError
from ...tensor import Tensor
from ..random import current_generator
from .transform import Transform, number

__all__ = ["MixUp", "CutMix"]


class _Mix(Transform):
    """What both share: image i meets image i - 1 of the batch; lambda ~ Beta(alpha, alpha) is the share of image i."""

    def __init__(self, alpha=1.0, num_classes=None):
        self.alpha = number(type(self).__name__, "alpha", alpha, 1e-12)
        self.num_classes = num_classes
        if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 1):
            raise InputError(type(self).__name__, "num_classes", "a positive int, or None for labels that are shares",
                             repr(num_classes))

    def __call__(self, images, labels=None):
        pair = images if labels is None else (images, labels)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(type(self).__name__, "labels", "given, as mix(images, labels)", None)
        images, labels = pair
        tensors = isinstance(images, Tensor)
        x, y = (v.detach().data if isinstance(v, Tensor) else v for v in (images, labels))
        if not is_array(x) or x.ndim != 4 or x.dtype.kind != "f" or len(x) == 0:
            raise InputError(type(self).__name__, "images", "a batch (N, C, H, W) of floats",
                             f"shape {x.shape}, dtype {x.dtype}" if is_array(x) else type(x).__name__)
        shares = self._shares(x, y)
        mixed, lam = self.mix(x, float(current_generator().numpy.beta(self.alpha, self.alpha)))
        labels = lam * shares + (1 - lam) * xp_of(x).roll(shares, 1, axis=0)
        return (Tensor(mixed), Tensor(labels)) if tensors else (mixed, labels)

    def mix(self, x, lam):
        """The mixed images, and the share that they really have of themselves."""
        raise NotImplementedError

    def _shares(self, x, labels):
        """Labels (N,) as one-hot rows (N, num_classes); rows of shares come through, in the images' dtype."""
        xp, name = xp_of(x), type(self).__name__
        labels = labels if is_array(labels) else xp.asarray(labels)
        if labels.ndim == 2 and len(labels) == len(x) and self.num_classes in (None, labels.shape[1]):
            return labels.astype(x.dtype)
        if labels.shape != x.shape[:1] or labels.dtype.kind not in "iu":
            raise InputError(name, "labels", f"integers of shape {x.shape[:1]}, or shares (N, num_classes)",
                             f"shape {labels.shape}, dtype {labels.dtype}")
        if self.num_classes is None:
            raise InputError(name, "num_classes", "given, for integer labels", None)
        on_host = to_numpy(labels)
        if on_host.min() < 0 or on_host.max() >= self.num_classes:
            raise InputError(name, "labels", f"from 0 to num_classes - 1 = {self.num_classes - 1}",
                             f"{on_host.min()} to {on_host.max()}")
        return (labels[:, None] == xp.arange(self.num_classes)).astype(x.dtype)


class MixUp(_Mix):
    """x_i' = lambda x_i + (1 - lambda) x_{i-1}, and the labels likewise; lambda ~ Beta(alpha, alpha), one a batch.

    Zhang et al. 2018, equation in section 2. mix(images, labels) -> (images, shares (N, num_classes)), on arrays or
    tensors; in a collate_fn: `lambda samples: mixup(*default_collate(samples))`. The partner is the neighbour in the
    batch, as in torchvision; the loader has shuffled. num_classes=None: labels are shares already.
    """

    def mix(self, x, lam):
        return lam * x + (1 - lam) * xp_of(x).roll(x, 1, axis=0), lam


class CutMix(_Mix):
    """A rectangle of image i comes from image i - 1; the labels mix by area, counted after the rectangle is clipped.

    lambda ~ Beta(alpha, alpha); the rectangle has sides H sqrt(1 - lambda), W sqrt(1 - lambda) and a centre uniform
    over the image. Where it sticks out it is cut off, so its share of the area is less than 1 - lambda: the labels use
    the share that is there. Yun et al. 2019, section 3.1 and Algorithm A1. Otherwise as MixUp.
    """

    def mix(self, x, lam):
        top, bottom, left, right = self.get_params(*x.shape[-2:], lam)
        mixed = x.copy()
        mixed[:, :, top:bottom, left:right] = xp_of(x).roll(x[:, :, top:bottom, left:right], 1, axis=0)
        return mixed, 1 - (bottom - top) * (right - left) / (x.shape[-2] * x.shape[-1])

    @staticmethod
    def get_params(height, width, lam):
        """Draw (top, bottom, left, right) of the rectangle for a wanted lambda."""
        x, y = (int(current_generator().numpy.integers(0, n)) for n in (width, height))
        half = 0.5 * math.sqrt(1 - lam)
        w, h = int(half * width), int(half * height)
        top, bottom = np.clip([y - h, y + h], 0, height).tolist()
        left, right = np.clip([x - w, x + w], 0, width).tolist()
        return top, bottom, left, right
