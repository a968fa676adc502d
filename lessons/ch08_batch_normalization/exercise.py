"""Homework of chapter 8: batch normalization, forward and backward, by hand.

Fill in the functions, in NumPy, and run `minicnn check 8` (or `pytest` in this folder) as often as you like. Images are
x (N, C, H, W) in float64; gamma and beta have one entry for each channel. Equations: docs/notes/ch08_batch_normalization.md.
"""

import numpy as np  # noqa: F401


def batchnorm_forward(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """y, new_running_mean, new_running_var of batch normalization: (8.1), (8.2), (8.9), (8.10).

    Training: normalise with the batch's own mean and biased variance over N, H and W, and move the running statistics by
    new = (1 - momentum) old + momentum batch, where the variance that is stored is the unbiased one, m' / (m' - 1) times it,
    m' = N H W. Otherwise: normalise with the running statistics, and return them as they came.
    Do not write into the arguments.

    Hint: keepdims=True keeps (1, C, 1, 1), which broadcasts against x.
    """
    raise NotImplementedError("to do")


def batchnorm_backward(dy, x, gamma, eps):
    """dx, dgamma, dbeta in training, for the gradient dy of the loss with respect to y: (8.3) and (8.4).

    x, dy, dx: (N, C, H, W); gamma, dgamma, dbeta: (C,).

    Hint: the mean and the variance are functions of x too.
    """
    raise NotImplementedError("to do")
