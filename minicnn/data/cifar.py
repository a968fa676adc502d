"""CIFAR-10 and CIFAR-100: small colour photographs, from the binary archives (which hold no code, as the pickled ones may)."""

from contextlib import suppress

import numpy as np

from ..errors import DataError
from ..files import write_file
from .download import download_folder, fetch, find_files
from .images import ImageDataset, checked_flag
from .unpack import read_file, read_tar

__all__ = ["CIFAR10", "CIFAR100"]

PIXELS = 3 * 32 * 32


class CIFAR10(ImageDataset):
    """Photographs of ten kinds of things as (3, 32, 32) images: 50,000 to train on, 10,000 to test on.

    Its files, gzipped or not, are looked for in `cifar-10-batches-bin/` of `root`; without a root, of the folder that the
    environment names in MINICNN_DATA, then of the user's cache folder. download=True fetches the archive and unpacks it
    where they are not there. A file may hold fewer records than the original, but no more and no part of one.

    A record is the label, then 1,024 bytes each of red, green and blue, row by row.

    Source: A. Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """

    place = "cifar-10-batches-bin"
    names: tuple[str, ...] = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
    archive = "cifar-10-binary.tar.gz"
    mirrors = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)
    known_hash = "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    size = 170_052_171
    files = {True: tuple(f"data_batch_{k}.bin" for k in range(1, 6)), False: ("test_batch.bin",)}
    records = {True: 10_000, False: 10_000}  # in a file, at most
    label_names: tuple[tuple[str, ...], ...] = (names,)  # for each byte before the pixels; the last is the label

    def __init__(self, train=True, transform=None, target_transform=None, download=False, root=None):
        name = type(self).__name__
        self.train = checked_flag(name, "train", train)
        if checked_flag(name, "download", download):
            self._download(root)
        paths = find_files(name, self.place, self.files[self.train], root)
        parts = [self._read(path) for path in paths]
        labels = len(self.label_names)
        data = np.concatenate([part[:, labels:] for part in parts]).reshape(-1, 3, 32, 32)
        targets = np.concatenate([part[:, labels - 1] for part in parts])
        super().__init__(data, targets, self.label_names[-1], transform, target_transform)

    def _read(self, path):
        """The records of one file, (n, labels + 3072)."""
        record = len(self.label_names) + PIXELS
        content = read_file(path, record * self.records[self.train])
        if not content or len(content) % record:
            raise DataError(f"{path}: has {len(content):,} bytes, that is no whole number of records of {record} bytes")
        records = np.frombuffer(content, np.uint8).reshape(-1, record)
        for column, names in enumerate(self.label_names):
            if records[:, column].max() >= len(names):
                raise DataError(f"{path}: has a label {records[:, column].max()}, 0 to {len(names) - 1} are right")
        return records

    def _download(self, root):
        """Fetch the archive and unpack it, unless the files of this part are here."""
        with suppress(DataError):
            find_files(type(self).__name__, self.place, self.files[self.train], root)
            return
        folder = download_folder(root) / self.place
        archive = fetch(self.archive, self.mirrors, folder, self.size, self.known_hash)
        record = len(self.label_names) + PIXELS
        sizes = {f"{self.place}/{name}": record * self.records[train]
                 for train, names in self.files.items() for name in names}
        for name, content in read_tar(archive, sizes):
            write_file(folder.parent / name, content)

    def extra_repr(self):
        return f"train={self.train}"


COARSE = ("aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables", "household_electrical_devices",
          "household_furniture", "insects", "large_carnivores", "large_man-made_outdoor_things",
          "large_natural_outdoor_scenes", "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates",
          "people", "reptiles", "small_mammals", "trees", "vehicles_1", "vehicles_2")
FINE = tuple("""
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
    forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
    mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
    sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
    willow_tree wolf woman worm
""".split())


class CIFAR100(CIFAR10):
    """Photographs of a hundred kinds of things (the fine labels), in `cifar-100-binary/`; otherwise as CIFAR10.

    A record is the coarse label (of 20), the fine label (of 100), then the pixels.
    """

    place = "cifar-100-binary"
    names = FINE
    archive = "cifar-100-binary.tar.gz"
    mirrors = ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",)
    known_hash = "md5:03b5dce01913d631647c71ecec9e9cb8"  # its publisher gives MD5 alone
    size = 168_513_733
    files = {True: ("train.bin",), False: ("test.bin",)}
    records = {True: 50_000, False: 10_000}
    label_names = (COARSE, FINE)
