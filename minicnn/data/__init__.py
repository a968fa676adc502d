"""Data sets, samplers, the loader and transforms; everything works on plain arrays."""

from . import transforms
from .cifar import CIFAR10, CIFAR100
from .collate import default_collate
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .digits import Digits
from .glyphs import Glyphs
from .image_files import read_image
from .images import ImageDataset
from .loader import DataLoader
from .mnist import KMNIST, MNIST, FashionMNIST
from .sampler import BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler
from .shapes import Shapes
from .svhn import SVHN
from .toys import *  # noqa: F403
from .toys import __all__ as _toys

__all__ = [
    "transforms", "default_collate", "ConcatDataset", "Dataset", "Subset", "TensorDataset", "random_split", "DataLoader",
    "BatchSampler", "DistributedSampler", "RandomSampler", "Sampler", "SequentialSampler", "ImageDataset", "Digits", "Glyphs",
    "Shapes", *_toys, "MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "SVHN", "read_image",
]
