"""Chapter 5: the library's own answers, and typical wrong ones with the idea that each misses."""

import numpy as np

import minicnn as mc
from minicnn.inspect import class_activation
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong

# ------------------------------------------------------------------------------------------------------- conv1x1_backward


def conv1x1_backward(dy, x, w):
    """The library's gradients."""
    image, weight, bias = (mc.tensor(a, requires_grad=True) for a in (x, w, np.zeros(len(w))))
    F.conv2d(image, weight.reshape(*w.shape, 1, 1), bias).backward(mc.tensor(dy))
    return image.grad.numpy(), weight.grad.numpy(), bias.grad.numpy()


def parts(dy, x, w):
    """The three gradients."""
    return np.einsum("nkhw,kc->nchw", dy, w), np.einsum("nkhw,nchw->kc", dy, x), dy.sum(axis=(0, 2, 3))


def scaled(dy, x, w, divide):
    """dw and db divided by something."""
    dx, dw, db = parts(dy, x, w)
    return dx, dw / divide(dy), db / divide(dy)


def first_pixel(dy, x, w):
    """As if the layer saw one pixel."""
    dx, _, _ = parts(dy, x, w)
    return dx, dy[:, :, 0, 0].T @ x[:, :, 0, 0], dy[:, :, 0, 0].sum(0)


def per_image(dy, x, w):
    """No sum over the batch: the first image's."""
    dx, _, _ = parts(dy, x, w)
    return dx, np.einsum("khw,chw->kc", dy[0], x[0]), dy[0].sum(axis=(1, 2))


def pooled(dy, x, w):
    """The product of two averages."""
    dx, _, db = parts(dy, x, w)
    return dx, np.einsum("nk,nc->kc", dy.sum((2, 3)), x.mean((2, 3))), db


def bias_per_pixel(dy, x, w):
    """One bias a channel and pixel."""
    dx, dw, _ = parts(dy, x, w)
    return dx, dw, dy.sum(axis=0)


def with_relu(dy, x, w):
    """A ReLU that is not there."""
    return parts(dy * (np.einsum("kc,nchw->nkhw", w, x) > 0), x, w)


def transposed_dw(dy, x, w):
    """(C, K)."""
    dx, dw, db = parts(dy, x, w)
    return dx, dw.T, db


def exchanged_pixels(dy, x, w):
    """Rows and columns of dx exchanged."""
    dx, dw, db = parts(dy, x, w)
    return dx.transpose(0, 1, 3, 2), dw, db


WRONG_CONV = [
    ("w is shared by all pixels, so dw and db are sums over them; here they are means", lambda *a: scaled(*a, lambda g: g[0, 0].size)),
    ("dw and db are sums over the batch; the loss has divided by its size already", lambda *a: scaled(*a, len)),
    ("dw and db are sums over images and pixels, not means", lambda *a: scaled(*a, lambda g: g[:, 0].size)),
    ("all pixels share w: dw sums over all of them, not only the first", first_pixel),
    ("all images share w: dw and db sum over the batch, not only the first image", per_image),
    ("dw is the sum of products, pixel by pixel, not a product of sums", pooled),
    ("one bias serves all pixels of a channel: db is (K,)", bias_per_pixel),
    ("there is no ReLU in this layer; its mask belongs to the next rule", with_relu),
    ("dw has the shape of w, (K, C); here it is transposed", transposed_dw),
    ("dx has the shape of x; here rows and columns are exchanged", exchanged_pixels),
    ("dx is W^T dy; here it has the wrong sign", lambda dy, x, w: (-parts(dy, x, w)[0], *parts(dy, x, w)[1:])),
]

# ----------------------------------------------------------------------------------------------------------- gap_backward


def gap_backward(dz, height, width):
    """The library's gradient."""
    maps = mc.tensor(np.zeros((*dz.shape, height, width)), requires_grad=True)
    F.adaptive_avg_pool2d(maps, 1).flatten(1).backward(mc.tensor(dz))
    return maps.grad.numpy()


def spread(dz, h, w, factor=1.0):
    """dz on every pixel."""
    return np.broadcast_to(dz[:, :, None, None] * factor, (*dz.shape, h, w)).copy()


def at(dz, h, w, i, j):
    """dz on one pixel."""
    result = np.zeros((*dz.shape, h, w))
    result[:, :, i, j] = dz
    return result


WRONG_GAP = [
    ("the mean divides by the number of pixels; without it this is the gradient of a sum", spread),
    ("the mean runs over the pixels, not over the batch: divide by H W alone", lambda dz, h, w: spread(dz, h, w, 1 / (h * w * len(dz)))),
    ("the mean runs over the pixels, not over the channels: divide by H W alone", lambda dz, h, w: spread(dz, h, w, 1 / (h * w * dz.shape[1]))),
    ("divide by the number of pixels, H W, not by H", lambda dz, h, w: spread(dz, h, w, 1 / h)),
    ("divide by the number of pixels, H W, not by W", lambda dz, h, w: spread(dz, h, w, 1 / w)),
    ("divide by the number of pixels, not by the root of it", lambda dz, h, w: spread(dz, h, w, (h * w) ** -0.5)),
    ("divide by the batch size nowhere: by H W", lambda dz, h, w: spread(dz, h, w, 1 / len(dz))),
    ("the gradient is multiplied by the number of pixels, not divided", lambda dz, h, w: spread(dz, h, w, h * w)),
    ("every pixel has its share; this is max pooling's, one pixel gets all", lambda dz, h, w: at(dz, h, w, 0, 0)),
    ("every pixel has its share; here one in the middle gets all", lambda dz, h, w: at(dz, h, w, h // 2, w // 2)),
    ("the result is (N, K, height, width); here height and width are exchanged", lambda dz, h, w: spread(dz, w, h, 1 / (h * w))),
    ("the result has a value for every pixel, not one for each map", lambda dz, h, w: dz[:, :, None, None] / (h * w)),
]

# -------------------------------------------------------------------------------------------------------------------- cam


def cam(features, fc_weight, cls):
    """The library's."""
    return class_activation(features, fc_weight, cls)


def transposed(features, fc_weight, cls):
    """Columns for rows, where that works."""
    return class_activation(features, fc_weight.T, cls) if len(set(fc_weight.shape)) == 1 else cam(features, fc_weight, cls)


def softmaxed(features, fc_weight, cls):
    """Over the classes, pixel by pixel."""
    logits = np.einsum("kc,nchw->nkhw", fc_weight, features)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True))[np.arange(len(cls)), cls]


def best_class(features, fc_weight, cls):
    """The class with the largest logit in place of the one asked for."""
    return cam(features, fc_weight, (features.mean((2, 3)) @ fc_weight.T).argmax(1))


def all_classes(features, fc_weight, cls):
    """All maps."""
    return np.einsum("kc,nchw->nkhw", fc_weight, features)


def stretched(features, fc_weight, cls):
    """From 0 to 1 in each image."""
    maps = cam(features, fc_weight, cls)
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return (maps - low) / (high - low)


def weighted_by_mean(features, fc_weight, cls):
    """The logit's terms instead of the pixels'."""
    return cam(features * features.mean((2, 3), keepdims=True), fc_weight, cls)


WRONG_CAM = [
    ("each image has a class of its own: fc_weight[cls]; here all use the first image's",
     lambda f, w, cls: cam(f, w, np.full(len(f), cls[0]))),
    ("the class picks a row of the weight, not a column", transposed),
    ("the sum over the channels is weighted, not a mean: do not divide by C", lambda f, w, cls: cam(f, w, cls) / f.shape[1]),
    ("the map is summed over channels only, and its mean is the logit: do not divide by the number of pixels",
     lambda f, w, cls: cam(f, w, cls) / f[0, 0].size),
    ("the map has nothing to do with the batch size", lambda f, w, cls: cam(f, w, cls) / len(f)),
    ("negative values say that a place speaks against the class; there is no ReLU here", lambda f, w, cls: np.maximum(cam(f, w, cls), 0)),
    ("weights may be negative; their sign counts", lambda f, w, cls: cam(f, abs(w), cls)),
    ("the weights of the class are missing: this is the sum of all channels", lambda f, w, cls: f.sum(1)),
    ("the weights of the class are missing: this is the mean of all channels", lambda f, w, cls: f.mean(1)),
    ("the map is of the scores, before any softmax", softmaxed),
    ("the map belongs to the class asked for, not to the one with the largest logit", best_class),
    ("one map for each image, (N, h, w); here are the maps of all classes", all_classes),
    ("the map keeps its scale: its mean is the logit; stretch it only to look at it", stretched),
    ("the channels are weighted by fc_weight alone, not by their means too", weighted_by_mean),
    ("the map is not averaged over the pixels: that is the logit", lambda f, w, cls: cam(f, w, cls).mean((1, 2))),
    ("rows and columns of the map are exchanged", lambda f, w, cls: cam(f, w, cls).transpose(0, 2, 1)),
    ("only the channel with the largest weight is shown; the map is the sum of all",
     lambda f, w, cls: f[np.arange(len(f)), w[cls].argmax(1)]),
]

WRONG = [*(Wrong("conv1x1_backward", idea + ", see (5.2)", answer) for idea, answer in WRONG_CONV),
         *(Wrong("gap_backward", idea + ", see (5.7)", answer) for idea, answer in WRONG_GAP),
         *(Wrong("cam", idea + ", see (5.10)", answer) for idea, answer in WRONG_CAM)]
