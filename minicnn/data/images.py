"""What all sets of labelled images share: the images in one array, the labels in another."""

import numpy as np

from ..errors import InputError
from .dataset import Dataset, checked_index

__all__ = ["ImageDataset", "checked_flag"]


def checked_flag(function, name, value):
    """`value`, if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(function, name, "True or False", repr(value))
    return bool(value)


class ImageDataset(Dataset):
    """dataset[i] = (image, label): image i as a (C, H, W) array, and its label as an int.

    The image is float32 from 0 to 1; with a `transform`, it is transform(image) of the uint8 image from 0 to 255 (as
    torchvision's v2 transforms expect it: end with ToDtype(np.float32, scale=True)). target_transform: the same for the label.

    data: uint8 (N, C, H, W). targets: int64 (N,). classes: the names of the labels.
    """

    def __init__(self, data, targets, classes, transform=None, target_transform=None):
        for name, function in (("transform", transform), ("target_transform", target_transform)):
            if function is not None and not callable(function):
                raise InputError(type(self).__name__, name, "a function or None", type(function).__name__)
        self.data, self.targets, self.classes = data, targets.astype(np.int64, copy=False), list(classes)
        self.transform, self.target_transform = transform, target_transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        index = checked_index(type(self).__name__, index, len(self))
        image, label = self.data[index], int(self.targets[index])
        image = image / np.float32(255) if self.transform is None else self.transform(image.copy())
        return image, label if self.target_transform is None else self.target_transform(label)

    def take(self, indices):
        """(images, labels) in one step, if there is no transform to apply to each."""
        plain = self.transform is None and self.target_transform is None and type(self).__getitem__ is ImageDataset.__getitem__
        return (self.data[indices] / np.float32(255), self.targets[indices]) if plain else None

    def arrays(self, dtype=np.float32):
        """(x, y): all images as (N, C, H, W) from 0 to 1, and all labels (N,) in int64; no transforms."""
        x = self.data.astype(dtype)
        if x.dtype.kind != "f":
            raise InputError(f"{type(self).__name__}.arrays", "dtype", "a floating-point dtype", np.dtype(dtype))
        x /= 255
        return x, self.targets.copy()

    def extra_repr(self):
        """What the representation says about this set besides its size."""
        return ""

    def __repr__(self):
        size = f"{len(self)} images of shape {self.data.shape[1:]}, {len(self.classes)} classes"
        return f"{type(self).__name__}({', '.join(filter(None, [self.extra_repr(), size]))})"
