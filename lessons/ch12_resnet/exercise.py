"""Chapter 12, homework: the residual block.

Write the three functions; `pytest lessons/ch12_resnet` or `minicnn check 12` grades them. All arrays are NumPy's, float64. For
convolutions use conv2d below, for batch normalization bn.
"""

import minicnn as mc
from minicnn.nn import functional as F


def conv2d(x, w, stride=1, padding=0):
    """The convolution of x (N, C, H, W) with w (C', C, k, k), as an array."""
    return F.conv2d(mc.tensor(x), mc.tensor(w), stride=stride, padding=padding).numpy()


def bn(x):
    """Each channel of x (N, C, H, W) brought to mean 0 and variance 1 over the batch, as an array."""
    return F.batch_norm(mc.tensor(x), None, None, training=True).numpy()


def shortcut_a(x, out_channels, stride):
    """Option A, (12.6): every stride-th pixel of x, then channels of zeros.

    x: (N, C, H, W), C at most out_channels. Returns (N, out_channels, ceil(H / stride), ceil(W / stride)).
    Hint: an array of zeros, filled in part.
    """
    raise NotImplementedError("to do")


def basic_block(x, w1, w2, stride, ws):
    """y = ReLU(S(x) + F(x)), (12.2): F is convolution with w1, BN, ReLU, convolution with w2, BN.

    x: (N, C, H, W). w1: (C', C, 3, 3), the stride is here. w2: (C', C', 3, 3). Padding 1 in both. BN follows each convolution.
    ws: (C', C, 1, 1) or None. With a ws, S is option B, (12.6), its BN included. Without, S is the identity where the shapes of
    x and F(x) agree, else option A.
    Hint: at stride 1 and with C' = C, option A is the identity.
    """
    raise NotImplementedError("to do")


def residual_backward(dy, z, jacobian):
    """dx of y = ReLU(z), z = x + F(x), (12.3).

    dy: (n,), the gradient of the loss in y. z: (n,), none of it 0. jacobian: (n, n), F'(x), entry (i, j) = dF_i / dx_j.
    Returns (n,). Hint: first through the ReLU, then both ways.
    """
    raise NotImplementedError("to do")
