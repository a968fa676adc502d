"""One paper, one file: blocks, net, factories. list_models() names them all."""

from .lenet import lenet5, small_cnn
from .prelu_net import PReLUNet, SpatialPyramidPooling, prelu_net
from .registry import ModelInfo, get_model, list_models, model_info, register_model
from .resnet import (
    BasicBlock,
    Bottleneck,
    PadShortcut,
    ResNet,
    resnet18,
    resnet20,
    resnet32,
    resnet34,
    resnet44,
    resnet50,
    resnet56,
    resnet101,
    resnet110,
    resnet152,
    resnet1202,
)

__all__ = [
    "ModelInfo", "get_model", "list_models", "model_info", "register_model", "lenet5", "small_cnn", "PReLUNet",
    "SpatialPyramidPooling", "prelu_net", "PadShortcut", "BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet34",
    "resnet50", "resnet101", "resnet152", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202",
]
