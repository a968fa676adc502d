"""Chapter 7, homework: the inception module, forward and backward, and what it costs.

Write the three functions; `pytest lessons/ch07_googlenet` or `minicnn check 7` grades them. All arrays are NumPy's, float64.
The convolutions and the pooling are given below, with their gradients: what is asked for is how they hang together.
"""

import numpy as np  # noqa: F401

import minicnn as mc
from minicnn.nn import functional as F


def conv2d(x, w, padding=0):
    """The convolution of x (N, C, H, W) with w (F, C, k, k) at stride 1."""
    return F.conv2d(mc.tensor(x), mc.tensor(w), padding=padding).numpy()


def conv2d_backward(dy, x, w, padding=0):
    """dx, dw of y = conv2d(x, w, padding) for the gradient dy of the loss in y."""
    tx, tw = mc.tensor(x, requires_grad=True), mc.tensor(w, requires_grad=True)
    F.conv2d(tx, tw, padding=padding).backward(mc.tensor(dy))
    return tx.grad.numpy(), tw.grad.numpy()


def max_pool(x):
    """3x3 max pooling at stride 1, padding 1, of x (N, C, H, W): the same shape."""
    return F.max_pool2d(mc.tensor(x), 3, stride=1, padding=1).numpy()


def max_pool_backward(dy, x):
    """dx of y = max_pool(x)."""
    tx = mc.tensor(x, requires_grad=True)
    F.max_pool2d(tx, 3, stride=1, padding=1).backward(mc.tensor(dy))
    return tx.grad.numpy()


def inception_forward(x, w1, v3, w3, v5, w5, wp):
    """y = [y1; y2; y3; y4], the inception module without biases, (7.1).

    x: (N, C, H, W). w1: (n1, C, 1, 1). v3: (r3, C, 1, 1), w3: (n3, r3, 3, 3). v5: (r5, C, 1, 1), w5: (n5, r5, 5, 5).
    wp: (np, C, 1, 1). Returns (N, n1 + n3 + n5 + np, H, W).
    Hint: a ReLU follows every convolution, six in all; which padding does a k x k kernel need to keep the size?
    """
    raise NotImplementedError("to do")


def inception_backward(dy, x, w1, v3, w3, v5, w5, wp):
    """dx and the gradients of the six weights of y = inception_forward(x, ...), (7.5).

    dy: (N, n1 + n3 + n5 + np, H, W), the gradient of the loss in y. Returns the tuple (dx, dw1, dv3, dw3, dv5, dw5, dwp).
    Hint: run the branches forward first; slice dy, (7.3); the derivative of ReLU is [output > 0]; x is used four times.
    """
    raise NotImplementedError("to do")


def module_cost(channels, n1, r3, n3, r5, n5, pool, height, width):
    """(parameters, multiply-adds) of an inception module with biases, (7.7): two whole numbers.

    channels: C of the input. The six widths: as the columns of Table 1. Biases and pooling cost no multiply-adds.
    Hint: module 3a is module_cost(192, 64, 96, 128, 16, 32, 32, 28, 28) = (163696, 128049152).
    """
    raise NotImplementedError("to do")
