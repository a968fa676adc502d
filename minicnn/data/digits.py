"""1,797 real handwritten digits of 8x8 pixels, that come with the library."""

import gzip
from functools import cache
from pathlib import Path

import numpy as np

from .images import ImageDataset, checked_flag

__all__ = ["Digits"]


@cache
def _load():
    """All images (1797, 64) with values 0 to 16, and their labels."""
    with gzip.open(Path(__file__).parent / "files" / "digits.csv.gz", "rt") as lines:
        table = np.loadtxt(lines, dtype=np.int64, delimiter=",")
    return table[:, :-1], table[:, -1]


def _held_out(labels):
    """True for every fifth image of each class, in the order of the file: the test set."""
    rank = np.empty_like(labels)  # image i is number rank[i] of its class
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        rank[of_class] = np.arange(len(of_class))
    return rank % 5 == 4


class Digits(ImageDataset):
    """Handwritten digits 0 to 9 as (1, 8, 8) images: 1,442 to train on, 355 to test on. No download.

    The split is fixed and stratified: of each class, every fifth image in the order of the file is for testing
    (train=False). The same 13 people wrote both parts. The file's grey values v from 0 to 16 become round(255 v / 16).

    Source: E. Alpaydin and C. Kaynak 1998, Optical Recognition of Handwritten Digits (the test part), UCI Machine
    Learning Repository, CC BY 4.0; see files/digits.NOTICE.txt.
    """

    def __init__(self, train=True, transform=None, target_transform=None):
        self.train = checked_flag("Digits", "train", train)
        values, labels = _load()
        chosen = _held_out(labels) != self.train
        data = np.rint(values[chosen] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
        super().__init__(data, labels[chosen], map(str, range(10)), transform, target_transform)

    def extra_repr(self):
        return f"train={self.train}"
