"""Chapter 1, homework: convolution and the loss, with their gradients, by hand.

Write the three functions, in NumPy; `pytest lessons/ch01_introduction` or `minicnn check 1` grades them. All arrays are float64.
Images are (N, C, H, W), weights (F, C, kh, kw), the padding is zeros on all four sides, the output is (N, F, oh, ow) with
oh = (H + 2 padding - kh) // stride + 1 and ow likewise, (1.4). Do not write into the arguments.
"""

import numpy as np  # noqa: F401


def conv2d_forward(x, w, b, stride, padding):
    """y = w * x + b, (1.3) for any kernel: kernel not flipped, one bias for each of the F output channels.

    Hint: np.pad; then two loops over the output pixels and an einsum over channels and window, or (1.7).
    """
    raise NotImplementedError("to do")


def conv2d_backward(dy, x, w, stride, padding):
    """(dx, dw, db) of y = conv2d_forward(x, w, b, stride, padding), for the gradient dy of the loss in y, (1.9).

    dy: (N, F, oh, ow). dx, dw have the shapes of x, w; db is (F,).
    Hint: go through the output pixels once more; an entry of x may lie in several windows, or in none.
    """
    raise NotImplementedError("to do")


def cross_entropy_backward(logits, labels):
    """The gradient of the mean over the batch of -log softmax(logits)[label], (1.14).

    logits: (N, K). labels: (N,), whole numbers from 0 to K - 1. Returns (N, K).
    Hint: subtract the largest logit of each row before np.exp, or a logit of 1000 overflows.
    """
    raise NotImplementedError("to do")
