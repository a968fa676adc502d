"""Chapter 6: the library's own answers, and typical wrong ones with the idea that each misses."""

import math
from types import SimpleNamespace

import numpy as np

from minicnn import inspect, nn
from minicnn.data.random import use_generator
from minicnn.data.transforms import PCALighting
from minicnn.models import VGG
from minicnn.teaching.grader import Wrong

receptive_field = inspect.receptive_field


def field(layers, start=1, own=False, dilated=True, strided=True, whole=False, last=False, added=False, dilates_jump=False,
          extent=False):
    """(6.1) with faults to choose."""
    r, jump = start, 1
    for k, s, d in layers:
        d = d if dilated else 1
        before = jump
        jump = s if last else jump + s - 1 if added else jump * s * (d if dilates_jump else 1)
        reach = k * d - 1 if extent else d * (k if whole else k - 1)
        r += reach * ((jump if own else before) if strided else 1)
    return r


def scaled(layers):
    """The field so far is what gets multiplied."""
    r = 1
    for k, s, d in layers:
        r = r * s + d * (k - 1)
    return r


WRONG_FIELD = [
    ("a layer's own stride counts for the layers above it only", lambda t: field(t, own=True)),
    ("a dilated window reaches d (k - 1) + 1 pixels far: the dilation is left out", lambda t: field(t, dilated=False)),
    ("a window is magnified by the strides below it: these are left out", lambda t: field(t, strided=False)),
    ("a window of k pixels adds k - 1, not k: one of them was seen before", lambda t: field(t, whole=True)),
    ("without layers a unit sees one pixel, not none: begin at 1", lambda t: field(t, start=0)),
    ("the strides of all layers below are multiplied; here only the last one counts", lambda t: field(t, last=True)),
    ("strides multiply, they do not add", lambda t: field(t, added=True)),
    ("the dilation widens the window of its own layer; it does not move the units apart", lambda t: field(t, dilates_jump=True)),
    ("a dilated window reaches d (k - 1) + 1 pixels far, not d k", lambda t: field(t, extent=True)),
    ("the layers come from the image up; here they are taken from the top down", lambda t: field(t[::-1])),
    ("the stride magnifies what comes after; it does not multiply the field so far", scaled),
    ("asked for is the side of the field, not its area", lambda t: field(t) ** 2),
    ("a field is a whole number of pixels, not a float", lambda t: float(field(t))),
    ("the field grows with every layer; the largest window alone does not tell", lambda t: max((d * (k - 1) + 1 for k, _, d in t), default=1)),
    ("asked for is the field, not how far apart two units are (the product of the strides)", lambda t: math.prod(s for _, s, _ in t)),
]


# --------------------------------------------------------------------------------------------------------------- vgg_cost


def vgg_cost(layers, width, side, hidden, classes):
    """Counted on the model itself."""
    with nn.init.no_init():
        net = VGG(layers, classes, width=width, hidden=hidden, grid=side // 2 ** len(layers))
    return inspect.count_parameters(net), inspect.count_macs(net, (3, side, side))


def cost(layers, width, side, hidden, classes, bias=True, bias_macs=False, kernel=9, capped=True, change=True, pooled=True, early=False,
         flat=True, second=True, colours=3, dense_macs=True, shrink=False, factor=1, padded_weights=False, dense=True):
    """(6.7) and (6.8) with faults to choose."""
    parameters = macs = 0
    c = colours
    for i, count in enumerate(layers):
        out = width * (min(2**i, 8) if capped else 2**i)
        side = side // 2 if early else side
        for _ in range(count):
            side -= 2 if shrink else 0
            weights = kernel * (c if change or c == colours else out) * out
            parameters += weights + (out if bias else 0)
            macs += (weights + (out if bias_macs else 0)) * side * side
            c = out
        side = side // 2 if pooled and not early else side
    sizes = [c * (side * side if flat else 1), hidden, *([hidden] if second else []), classes]
    for a, b in zip(sizes, sizes[1:]) if dense else ():
        parameters += a * b + (b if bias else 0)
        macs += a * b + (b if bias_macs else 0) if dense_macs else 0
    return parameters, factor * macs


def but(**fault):
    """vgg_cost with one fault."""
    return lambda *args: cost(*args, **fault)


WRONG_COST = [
    ("every layer has a bias for each output channel", but(bias=False)),
    ("biases are added, not multiplied: they count for no multiply-adds", but(bias_macs=True)),
    ("a multiply-add is one product and its addition, counted once; this is twice as many", but(factor=2)),
    ("a 3x3 kernel has 9 entries, not 3", but(kernel=3)),
    ("after the fourth stage the channels stay at 8 times the width", but(capped=False)),
    ("the first convolution of a stage reads the channels of the stage before", but(change=False)),
    ("the pooling at the end of each stage halves the picture: it is left out", but(pooled=False)),
    ("the pooling comes at the end of a stage, after its convolutions", but(early=True)),
    ("the first dense layer reads every pixel of the last map, not one number a channel", but(flat=False)),
    ("there are two hidden dense layers", but(second=False)),
    ("the image has 3 channels, not 1", but(colours=1)),
    ("dense layers do multiply-adds too", but(dense_macs=False)),
    ("the dense layers are missing", but(dense=False)),
    ("with padding 1 a 3x3 convolution keeps the size of the picture", but(shrink=True)),
    ("multiply-adds come second, parameters first", lambda *args: cost(*args)[::-1]),
    ("a convolution multiplies its weights at every pixel, not once", lambda layers, width, side, hidden, classes: (
        cost(layers, width, side, hidden, classes)[0], cost(layers, width, side, hidden, classes, bias=False)[0])),
]


# ----------------------------------------------------------------------------------------------------------- pca_lighting


def pca_lighting(images, eigval, eigvec, std, rng):
    """The library's transform, image by image, drawing from rng."""
    lighting = PCALighting(std, eigval, eigvec)
    with use_generator(SimpleNamespace(numpy=rng)):
        return np.stack([lighting(image) for image in images])


def lit(images, shift):
    """Images plus (N, 3)."""
    return images + shift[:, :, None, None]


WRONG_LIGHTING = [
    ("alpha is drawn once for an image, not anew at every pixel: that would be noise, not light",
     lambda x, val, vec, std, rng: x + np.einsum("ck,nkhw->nchw", vec * val, rng.normal(0, std, size=x.shape))),
    ("alpha is drawn once for an image, not anew at every pixel: light has no rows and columns",
     lambda x, val, vec, std, rng: x + np.moveaxis(rng.normal(0, std, size=(len(x), *x.shape[2:], 3)) @ (vec * val).T, -1, 1)),
    ("each image has an alpha of its own; here one serves the whole batch",
     lambda x, val, vec, std, rng: x + (vec @ (rng.normal(0, std, size=3) * val))[:, None, None]),
    ("there are three alphas, one for each eigenvector; here one serves all",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std, size=(len(x), 1)) * val @ vec.T)),
    ("std is the standard deviation of alpha, not its variance",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std**0.5, size=(len(x), 3)) * val @ vec.T)),
    ("std is the standard deviation of alpha; here it is squared",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std**2, size=(len(x), 3)) * val @ vec.T)),
    ("the eigenvectors are the columns of eigvec, not its rows",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std, size=(len(x), 3)) * val @ vec)),
    ("each eigenvector is scaled by its eigenvalue, which is left out",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std, size=(len(x), 3)) @ vec.T)),
    ("each eigenvector is scaled by its eigenvalue, not by the root of it",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std, size=(len(x), 3)) * np.sqrt(val) @ vec.T)),
    ("eigenvalues belong to eigenvectors, not to colours: scale before going from eigenvectors to RGB",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std, size=(len(x), 3)) @ vec.T * val)),
    ("the change goes along the eigenvectors, which are left out",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std, size=(len(x), 3)) * val)),
    ("all three eigenvectors take part, not the first alone",
     lambda x, val, vec, std, rng: lit(x, rng.normal(0, std, size=(len(x), 3))[:, :1] * val[0] * vec[:, 0])),
    ("light is added to the pixels; it does not multiply them",
     lambda x, val, vec, std, rng: x * (1 + (rng.normal(0, std, size=(len(x), 3)) * val @ vec.T)[:, :, None, None])),
    ("alpha has the mean 0; here all of it is positive",
     lambda x, val, vec, std, rng: lit(x, abs(rng.normal(0, std, size=(len(x), 3))) * val @ vec.T)),
    ("alpha is normal, not uniform between -std and std",
     lambda x, val, vec, std, rng: lit(x, rng.uniform(-std, std, size=(len(x), 3)) * val @ vec.T)),
    ("the result is not clipped: the mean of the change would not be 0",
     lambda x, val, vec, std, rng: np.clip(lit(x, rng.normal(0, std, size=(len(x), 3)) * val @ vec.T), 0, 1)),
    ("asked for are the images, not what is added to them",
     lambda x, val, vec, std, rng: lit(0 * x, rng.normal(0, std, size=(len(x), 3)) * val @ vec.T)),
    ("std is the argument, not always 0.1", lambda x, val, vec, std, rng: lit(x, rng.normal(0, 0.1, size=(len(x), 3)) * val @ vec.T)),
    ("nothing is added: the change is drawn from rng", lambda x, val, vec, std, rng: x.copy()),
]

WRONG = [*(Wrong("receptive_field", idea + ", see (6.1)", answer) for idea, answer in WRONG_FIELD),
         *(Wrong("vgg_cost", idea + ", see (6.7) and (6.8)", answer) for idea, answer in WRONG_COST),
         *(Wrong("pca_lighting", idea + ", see (6.11)", answer) for idea, answer in WRONG_LIGHTING)]
