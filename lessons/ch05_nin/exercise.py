"""Chapter 5, homework: 1x1 convolutions, global average pooling, class activation maps.

Write the three functions; `pytest lessons/ch05_nin` or `minicnn check 5` grades them. All arrays are NumPy's, float64.
"""

import numpy as np  # noqa: F401


def conv1x1_backward(dy, x, w):
    """(dx, dw, db) of y = a 1x1 convolution of x with w and a bias, (5.2).

    dy: (N, K, H, W), the gradient in y. x: (N, C, H, W). w: (K, C). dx is like x, dw like w, db is (K,).
    Hint: at every pixel of every image it is a linear layer, and all of them share w. np.einsum says it in one line each.
    """
    raise NotImplementedError("to do")


def gap_backward(dz, height, width):
    """dA of z = global average pooling of A, (5.7).

    dz: (N, K), the gradient in z. Returns (N, K, height, width), an array of its own (not a view). Hint: np.broadcast_to, and copy.
    """
    raise NotImplementedError("to do")


def cam(features, fc_weight, cls):
    """The class activation map of each image for its class, (5.10).

    features: (N, C, h, w), what goes into global average pooling. fc_weight: (K, C), of the linear layer behind. cls: (N,), whole
    numbers. Returns (N, h, w); its mean over the pixels is the logit of the class, less the bias. Hint: fc_weight[cls] is (N, C).
    """
    raise NotImplementedError("to do")
