"""Data sets, samplers, the loader and transforms; everything works on plain arrays."""

from . import transforms
from .collate import default_collate
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader
from .sampler import BatchSampler, DistributedSampler, RandomSampler, Sampler, SequentialSampler

__all__ = [
    "transforms", "default_collate", "ConcatDataset", "Dataset", "Subset", "TensorDataset", "random_split", "DataLoader",
    "BatchSampler", "DistributedSampler", "RandomSampler", "Sampler", "SequentialSampler",
]
