"""One paper, one file: blocks, net, factories. list_models() names them all."""

from .lenet import lenet5, small_cnn
from .registry import ModelInfo, get_model, list_models, model_info, register_model

__all__ = [
    "ModelInfo", "get_model", "list_models", "model_info", "register_model", "lenet5", "small_cnn",
]
