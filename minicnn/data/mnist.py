"""MNIST and two sets of its form: 28x28 grey images of ten classes, 60,000 to train on and 10,000 to test on."""

import hashlib
from contextlib import suppress

import numpy as np

from ..errors import DataError
from .download import download_folder, fetch, find_files
from .idx import read_idx
from .images import ImageDataset, checked_flag

__all__ = ["MNIST", "FashionMNIST", "KMNIST"]

SIZES = {True: 60_000, False: 10_000}  # training, test
FILES = {True: ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
         False: ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}


class MNIST(ImageDataset):
    """Handwritten digits 0 to 9 as (1, 28, 28) images: 60,000 to train on, 10,000 to test on.

    The four files, gzipped or not, are looked for in `mnist/` of `root`; without a root, of the folder that the environment
    names in MINICNN_DATA, then of the user's cache folder. download=True fetches what is not there. A file of another
    set, a cut or a padded one is a DataError.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner 1998, Gradient-Based Learning Applied to Document Recognition.
    """

    place = "mnist"
    names = tuple("0123456789")
    mirrors: tuple[str, ...] = ("https://ossci-datasets.s3.amazonaws.com/mnist/",
                                "https://storage.googleapis.com/cvdf-datasets/mnist/")
    # Of the .gz files. The publishers give MD5 alone: good against damage, and nobody can yet make a file to a given MD5.
    md5 = {
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    # SHA-256 of the numbers in the unpacked files, header and all, where known. FashionMNIST has the same file names, sizes
    # and kinds of label: only the content tells them apart.
    sha256 = {
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }

    def __init__(self, train=True, transform=None, target_transform=None, download=False, root=None):
        name = type(self).__name__
        self.train = checked_flag(name, "train", train)
        if checked_flag(name, "download", download):
            self._download(root)
        images, labels = find_files(name, self.place, FILES[self.train], root)
        data = self._read(images, (SIZES[self.train], 28, 28))
        targets = self._read(labels, (SIZES[self.train],))
        if targets.max() >= len(self.names):
            raise DataError(f"{labels}: has a label {targets.max()}, 0 to {len(self.names) - 1} are right")
        super().__init__(data[:, None], targets, self.names, transform, target_transform)

    def _read(self, path, shape):
        """The numbers of one file, if they are those that are known."""
        array = read_idx(path, shape, np.uint8)
        known = self.sha256.get(path.name.removesuffix(".gz"))
        if known:
            head = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            if _sha256(head, array) != known:
                raise DataError(f"{path}: is not the file of {type(self).__name__}: its content has another SHA-256. "
                                "Remove it and use download=True")
        return array

    def _download(self, root):
        """Fetch the files of this part, unless they are here."""
        with suppress(DataError):
            find_files(type(self).__name__, self.place, FILES[self.train], root)
            return
        folder = download_folder(root) / self.place
        for name, size in zip(FILES[self.train], (28 * 28 * SIZES[self.train], SIZES[self.train])):
            if not (folder / name).is_file():
                fetch(f"{name}.gz", [f"{m}{name}.gz" for m in self.mirrors], folder, size, f"md5:{self.md5[name]}")

    def extra_repr(self):
        return f"train={self.train}"


def _sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


class FashionMNIST(MNIST):
    """Ten kinds of clothes as (1, 28, 28) images, in `fashion-mnist/`; otherwise as MNIST.

    Source: H. Xiao, K. Rasul, R. Vollgraf 2017, Fashion-MNIST. MIT licence.
    """

    place = "fashion-mnist"
    names = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
               "https://storage.googleapis.com/tensorflow/tf-keras-datasets/")
    md5 = {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    }
    sha256 = {}


class KMNIST(MNIST):
    """Ten hiragana of old Japanese handwriting as (1, 28, 28) images, in `kmnist/`; otherwise as MNIST.

    Source: T. Clanuwat et al. 2018, Deep Learning for Classical Japanese Literature. CC BY-SA 4.0.
    """

    place = "kmnist"
    names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    md5 = {
        "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
    }
    sha256 = {}
