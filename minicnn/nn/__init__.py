"""Layers and models' building blocks, under PyTorch's names."""

from . import functional, init, utils
from .activation import *  # noqa: F403
from .activation import __all__ as _activation
from .attention import MultiheadAttention
from .container import ModuleDict, ModuleList, ParameterList, Sequential
from .conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .linear import Bilinear, Embedding, Flatten, Identity, Linear, Unflatten
from .loss import *  # noqa: F403
from .loss import __all__ as _loss
from .module import Module
from .norm import *  # noqa: F403
from .norm import __all__ as _norm
from .parameter import Parameter
from .pooling import *  # noqa: F403
from .pooling import __all__ as _pooling
from .vision import *  # noqa: F403
from .vision import __all__ as _vision

__all__ = [
    "functional", "init", "utils", "MultiheadAttention", "ModuleDict", "ModuleList", "ParameterList", "Sequential", "Conv1d",
    "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Bilinear", "Embedding", "Flatten", "Identity", "Linear", "Unflatten",
    "Module", "Parameter", *_activation, *_loss, *_norm, *_pooling, *_vision,
]
