"""Coloured shapes with exact masks and boxes, computed when the set is made."""

import numpy as np

from ..backend import Generator
from ..errors import InputError
from .images import ImageDataset, checked_flag
from .sampler import whole

__all__ = ["Shapes"]

CLASSES = ("circle", "square", "triangle", "cross", "ring")
BARS = 8  # clutter at most; also what every image draws numbers for, so that more clutter does not move the shapes


def _inside(label, u, v):
    """True where (u, v) lies in shape `label`; all shapes lie in the unit circle, v points down."""
    if label == 0:
        return u * u + v * v <= 1
    if label == 1:
        return np.maximum(abs(u), abs(v)) <= 0.5 ** 0.5
    if label == 2:  # three half-planes at distance 1/2 from the middle
        return np.maximum(v, 0.75 ** 0.5 * abs(u) - 0.5 * v) <= 0.5
    if label == 3:
        return (np.maximum(abs(u), abs(v)) <= 0.96) & (np.minimum(abs(u), abs(v)) <= 0.28)
    return abs(u * u + v * v - 0.65) <= 0.35  # ring


class Shapes(ImageDataset):
    """One circle, square, triangle, cross or ring per (3, size, size) image, with its mask and box. No download.

    Image i has class i mod 5. Drawn at random: position, radius (20 to 40 % of the size, the shape lies inside the image),
    rotation, two colours that differ by at least 0.3 in every channel, stripes. texture: contrast of the stripes and of
    pixel noise, from 0 to 1. clutter: how many thin bars lie behind the shape, 0 to 8. `Shapes(n)` begins with the images
    of Shapes(m), m < n. train=False: images from another stream. The same seed gives the same images.

    masks: bool (N, size, size), True where a pixel's centre lies in the shape. boxes: int64 (N, 4), rows
    (left, top, right, bottom): the smallest box around the mask, right and bottom just outside it, so that
    mask[top:bottom, left:right] holds all of it.
    """

    def __init__(self, length=2000, size=32, train=True, texture=0.15, clutter=3, seed=0, transform=None,
                 target_transform=None):
        length, size = whole("Shapes", "length", length, 1), whole("Shapes", "size", size, 8)
        self.train, self.seed = checked_flag("Shapes", "train", train), whole("Shapes", "seed", seed)
        clutter = whole("Shapes", "clutter", clutter)
        if clutter > BARS:
            raise InputError("Shapes", "clutter", f"at most {BARS}", clutter)
        if not isinstance(texture, (int, float)) or not 0 <= texture <= 1:
            raise InputError("Shapes", "texture", "a number from 0 to 1", repr(texture))
        layout = Generator(2 * self.seed + self.train)
        noise = Generator(layout.spawn_seed())
        draws = layout.uniform((length, 12 + 7 * BARS), dtype=np.float64)
        targets = np.arange(length) % len(CLASSES)
        data = np.empty((length, 3, size, size), np.uint8)
        self.masks = np.empty((length, size, size), bool)
        for i, (label, draw) in enumerate(zip(targets, draws)):
            self.masks[i] = _mask(label, draw, size)
            data[i] = _paint(self.masks[i], draw, texture, clutter, noise.normal((size, size)))
        self.boxes = np.array([_box(mask) for mask in self.masks])
        super().__init__(data, targets, CLASSES, transform, target_transform)

    def extra_repr(self):
        return f"train={self.train}, seed={self.seed}"


def _grid(x, y, angle, size):
    """Coordinates of all pixel centres, (size, size) each, from (x, y) along axes turned by `angle`."""
    dx, dy = np.arange(size) + 0.5 - x, np.arange(size)[:, None] + 0.5 - y
    return dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)


def _mask(label, draw, size):
    radius = size * (0.2 + 0.2 * draw[0])
    x, y = radius + (size - 2 * radius) * draw[1:3]
    u, v = _grid(x, y, 2 * np.pi * draw[3], size)
    return _inside(label, u / radius, v / radius)


def _paint(mask, draw, texture, clutter, noise):
    """uint8 (3, size, size): background, bars, then the striped shape; noise over all."""
    size = len(mask)
    back = draw[4:7, None, None]
    image = np.broadcast_to(back, (3, size, size)).copy()
    for bar in draw[12:12 + 7 * clutter].reshape(clutter, 7):
        u, v = _grid(*(size * bar[:2]), np.pi * bar[2], size)
        on_bar = (abs(u) <= size * (0.05 + 0.15 * bar[3])) & (abs(v) <= 1)
        image[:, on_bar] = bar[4:, None]
    front = (back + 0.3 + 0.4 * draw[7:10, None, None]) % 1  # at least 0.3 away from `back`, either way round
    u, _ = _grid(0, 0, np.pi * draw[10], size)
    stripes = np.sign(np.sin(2 * np.pi * u / (3 + 5 * draw[11])))
    image = np.where(mask, front + 0.5 * texture * stripes, image) + 0.2 * texture * noise
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _box(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
