"""Learning-rate schedules: how the rate changes from step to step."""

from .base import LRScheduler
from .decay import CosineAnnealingLR, ExponentialLR, LambdaLR, MultiStepLR, StepLR
from .one_cycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .sequential import SequentialLR
from .warmup import ConstantLR, GradualWarmup, LinearLR

__all__ = [
    "LRScheduler", "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "LambdaLR", "ConstantLR", "LinearLR",
    "GradualWarmup", "SequentialLR", "OneCycleLR", "ReduceLROnPlateau",
]
