"""One paper, one file: blocks, net, factories. list_models() names them all."""

from .alexnet import AlexNet, alexnet, alexnet_two_tower
from .bn_inception import BNInception, bn_inception
from .googlenet import AuxiliaryHead, GoogLeNet, GoogLeNetOutputs, Inception, googlenet
from .lenet import lenet5, small_cnn
from .mcdnn import Committee, ScaledTanh, mcdnn_column
from .neural_ode import LatentODE, ODEBlock, ODEFunc, mlp_mnist, odenet_mnist, resnet_mnist, rknet_mnist
from .nin import NIN, MLPConv, nin_cifar10, nin_cifar100
from .normalizing_flow import CNF, NormalizingFlow, PlanarField, PlanarFlow
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
from .spatial_transformer import STN, SpatialTransformer, stn
from .vgg import VGG, vgg11, vgg11_bn, vgg11_lrn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg16_c, vgg19, vgg19_bn

__all__ = [
    "ModelInfo", "get_model", "list_models", "model_info", "register_model", "lenet5", "small_cnn", "PReLUNet",
    "SpatialPyramidPooling", "prelu_net", "PadShortcut", "BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet34",
    "resnet50", "resnet101", "resnet152", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet1202",
    "VGG", "vgg11", "vgg11_bn", "vgg11_lrn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg16_c", "vgg19", "vgg19_bn",
    "LatentODE", "ODEBlock", "ODEFunc", "mlp_mnist", "odenet_mnist", "resnet_mnist", "rknet_mnist", "CNF", "NormalizingFlow",
    "PlanarField", "PlanarFlow", "AuxiliaryHead", "GoogLeNet", "GoogLeNetOutputs", "Inception", "googlenet", "BNInception",
    "bn_inception",
    "STN", "SpatialTransformer", "stn", "MLPConv", "NIN", "nin_cifar10", "nin_cifar100", "Committee", "ScaledTanh", "mcdnn_column",
    "AlexNet", "alexnet", "alexnet_two_tower",
]
