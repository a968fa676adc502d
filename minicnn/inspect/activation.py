"""Class activation maps: where in the picture a class gets its points."""

from ..errors import InputError

__all__ = ["class_activation"]


def class_activation(features, weight, cls):
    """CAM (N, h, w) = sum over k of weight[cls, k] features[:, k]: its mean over the pixels is the logit of cls, less the bias.

    features: (N, C, h, w), what goes into global average pooling. weight: (K, C), of the linear layer behind it. cls: one class
    for all images, or one each, (N,). Tensors or arrays. B. Zhou et al. 2016, Learning Deep Features for Discriminative
    Localization; note of chapter 5, (5.10).
    """
    if features.ndim != 4 or weight.ndim != 2 or features.shape[1] != weight.shape[1]:
        shapes = tuple(features.shape), tuple(weight.shape)
        raise InputError("class_activation", "features, weight", "(N, C, h, w) and (K, C)", shapes)
    chosen = weight[cls]
    if chosen.ndim > 2 or (chosen.ndim == 2 and len(chosen) != len(features)):
        wanted = f"one class, or one for each of {len(features)} images"
        raise InputError("class_activation", "cls", wanted, f"shape {tuple(chosen.shape[:-1])}")
    return (features * chosen.reshape(-1, weight.shape[1], 1, 1)).sum(1)
