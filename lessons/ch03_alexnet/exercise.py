"""Chapter 3, homework: sizes, and local response normalization forward and backward.

Write the three functions; `pytest lessons/ch03_alexnet` or `minicnn check 3` grades them. Arrays are NumPy's, float64.

In both functions on normalization the window of channel i has n channels, fewer at the ends: those from i - n // 2 to
i + (n - 1) // 2 that exist, counted from 0; and alpha is the paper's: it is not divided by n.
"""

import numpy as np  # noqa: F401


def output_size(size, kernel, stride, padding, dilation):
    """How many places a window has along one axis, (3.4): a whole number.

    size: pixels of the image. kernel: entries of the kernel. padding: zeros on either side. dilation: the distance from one entry to
    the next. Hint: what does the window cover, and where can it begin?
    """
    raise NotImplementedError("to do")


def lrn_forward(a, k, n, alpha, beta):
    """b of local response normalization, (3.7).

    a: (N, C, H, W), activities. Returns (N, C, H, W).
    Hint: a loop over the channels is good enough.
    """
    raise NotImplementedError("to do")


def lrn_backward(g, a, k, n, alpha, beta):
    """The gradient of the loss in a, (3.9).

    g: (N, C, H, W), the gradient in b. a: (N, C, H, W), what went into lrn_forward. Returns (N, C, H, W).
    Hint: which b_i contain a_m? For even n they are not the channels of m's own window.
    """
    raise NotImplementedError("to do")
