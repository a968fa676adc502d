"""Questions about GPUs, under PyTorch's names, and the choice of their precision."""

from .backend import allow_tf32, tf32_is_allowed
from .backend import cuda_device_count as device_count
from .backend import cuda_is_available as is_available

__all__ = ["is_available", "device_count", "allow_tf32", "tf32_is_allowed"]
