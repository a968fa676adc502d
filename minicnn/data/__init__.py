"""Data sets, samplers, the loader and transforms; everything works on plain arrays."""

from . import transforms
from .collate import default_collate
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .digits import Digits
from .glyphs import Glyphs
from .images import ImageDataset
from .loader import DataLoader
from .sampler import BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler
from .shapes import Shapes
from .toys import *  # noqa: F403
from .toys import __all__ as _toys

__all__ = [
    "transforms", "default_collate", "ConcatDataset", "Dataset", "Subset", "TensorDataset", "random_split", "DataLoader",
    "BatchSampler", "DistributedSampler", "RandomSampler", "Sampler", "SequentialSampler", "Digits", "Glyphs", "ImageDataset", "Shapes", *_toys,
]
