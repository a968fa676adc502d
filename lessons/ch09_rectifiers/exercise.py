"""Chapter 9, homework: PReLU's gradients, and how large weights should be at the start.

Write the three functions, in NumPy; `pytest lessons/ch09_rectifiers` or `minicnn check 9` grades them. All arrays are float64.
Weights are (out, in) for a linear layer and (out, in, kh, kw) for a convolution, "in" and "out" being numbers of channels.
Do not write into the arguments.
"""

import numpy as np  # noqa: F401


def prelu_backward(g, y, a):
    """(dy, da) of f = max(0, y) + a min(0, y), for the gradient g of the loss in f, (9.2).

    g, y, dy: (N, C, H, W), no entry of y is 0. a, da: (C,), one slope for each channel.
    """
    raise NotImplementedError("to do")


def kaiming_std(shape, a, mode):
    """The standard deviation of He's start for weights of this shape, a number, (9.12).

    shape: a tuple, (out, in) or (out, in, kh, kw). a: the slope of the rectifier on the negative side, 0 for ReLU.
    mode: "fan_in", which keeps the variance of the signal, (9.7), or "fan_out", which keeps that of the gradient, (9.10).
    Hint: with how many numbers is one output multiplied? And into how many does one input go?
    """
    raise NotImplementedError("to do")


def kaiming_normal_(shape, a, mode, rng):
    """Weights of this shape, an array, independent and normal with mean 0 and the variance of (9.12).

    rng: a numpy Generator; draw from it and from nothing else. (The library's function of this name writes into a tensor.)
    """
    raise NotImplementedError("to do")
