"""Chapter 6, homework: how far a stack sees, what a column costs, and the colour of the light.

Write the three functions; `pytest lessons/ch06_vgg` or `minicnn check 6` grades them. Arrays are NumPy's, float64.
"""

import numpy as np  # noqa: F401


def receptive_field(layers):
    """How many pixels in a row one unit of the last layer sees, (6.1): a whole number.

    layers: (kernel size, stride, dilation) for each layer, from the image up. Without layers a unit is a pixel.
    Hint: go up and keep two numbers, the field so far and the product of the strides so far.
    """
    raise NotImplementedError("to do")


def vgg_cost(layers, width, side, hidden, classes):
    """(parameters, multiply-adds) of a net as in the table of VGG, (6.7) and (6.8), for one image of 3 channels, side x side.

    layers: the number of 3x3 convolutions in each stage, padding 1. Stage i = 0, 1, 2, ... has width * min(2^i, 8) channels, and a
    pooling at its end halves the picture (side is divisible often enough). Then three dense layers, to hidden, hidden and
    classes. Every layer has biases; a multiply-add is one weight times one input, biases count for none.
    Column A is layers (1, 1, 2, 2, 2), width 64, side 224, hidden 4096, classes 1000.
    """
    raise NotImplementedError("to do")


def pca_lighting(images, eigval, eigvec, std, rng):
    """The images with another colour of the light, (6.11).

    images: (N, 3, H, W). eigval: (3,), eigenvalues of the covariance of RGB. eigvec: (3, 3), its eigenvectors as columns.
    std: the standard deviation of alpha. rng: a NumPy generator to draw from. Returns (N, 3, H, W), new.
    Hint: rng.normal(0, std, size=...) draws; which size?
    """
    raise NotImplementedError("to do")
