"""Chapter 3: the library's own answers, and typical wrong ones with the idea that each misses."""

import math

import numpy as np

import minicnn as mc
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong

# ------------------------------------------------------------------------------------------------------------ output_size


def output_size(size, kernel, stride, padding, dilation):
    """As the library's convolution makes it."""
    x, w = mc.zeros(1, 1, size, 1), mc.zeros(1, 1, kernel, 1)
    return F.conv2d(x, w, stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1)).shape[2]


def room(size, kernel, padding, dilation):
    """The last place at which the window can begin."""
    return size + 2 * padding - dilation * (kernel - 1) - 1


WRONG_SIZE = [
    ("there is padding on both sides: 2 p, not p", lambda h, k, s, p, d: (room(h, k, 0, d) + p) // s + 1),
    ("the padding is left out", lambda h, k, s, p, d: room(h, k, 0, d) // s + 1),
    ("a dilated window covers d (k - 1) + 1 pixels: the dilation is left out", lambda h, k, s, p, d: room(h, k, p, 1) // s + 1),
    ("a dilated window covers d (k - 1) + 1 pixels, not d k", lambda h, k, s, p, d: (h + 2 * p - d * k) // s + 1),
    ("only at stride 1 can + 1 stand inside the division; it comes after it", lambda h, k, s, p, d: (room(h, k, p, d) + 1) // s),
    ("the first place counts too: + 1", lambda h, k, s, p, d: room(h, k, p, d) // s),
    ("round down, not to the nearest", lambda h, k, s, p, d: math.floor(room(h, k, p, d) / s + 0.5) + 1),
    ("a window that hangs over the end has no place: round down, not up", lambda h, k, s, p, d: math.ceil(room(h, k, p, d) / s) + 1),
    ("a number of places is whole: round down", lambda h, k, s, p, d: room(h, k, p, d) / s + 1),
    ("the stride is left out", lambda h, k, s, p, d: room(h, k, p, d) + 1),
    ("the window takes room: subtract what it covers", lambda h, k, s, p, d: (h + 2 * p - 1) // s + 1),
    ("here the padding is given; it is not chosen so that the size is divided by the stride", lambda h, k, s, p, d: -(-h // s)),
]


# ------------------------------------------------------------------------------------------------------------ lrn_forward


def lrn_forward(a, k, n, alpha, beta):
    """The library divides alpha by n."""
    return F.local_response_norm(mc.tensor(a), n, n * alpha, beta, k).numpy()


def window_sum(x, below, above, axis=1, clipped=True, own=True):
    """For each place along an axis, the sum of x from `below` places before it to `above` after it."""
    x = np.moveaxis(x, axis, 0)
    y = np.zeros_like(x)
    for i in range(len(x)):
        places = [j if clipped else j % len(x) for j in range(i - below, i + above + 1) if own or j != i]
        for j in places:
            if 0 <= j < len(x):
                y[i] += x[j]
    return np.moveaxis(y, 0, axis)


def forward(a, k, n, alpha, beta, divide=False, below=None, above=None, axis=1, square=True, sign=-1, clipped=True, own=True, mean=False,
            scale=True):
    """(3.7) with faults to choose."""
    below = n // 2 if below is None else below(n)
    above = (n - 1) // 2 if above is None else above(n)
    total = window_sum(a * a if square else a, below, above, axis, clipped, own)
    if mean:
        total = total / window_sum(np.ones_like(a), below, above, axis)
    return a * (k + (alpha / n if divide else alpha if scale else 1.0) * total) ** (sign * beta)


def but(function, **fault):
    """The function with one fault."""
    return lambda *args: function(*args, **fault)


WRONG_FORWARD = [
    ("here alpha is not divided by n; libraries divide it", but(forward, divide=True)),
    ("the window is n wide; for even n this one is shifted by one channel", but(forward, below=lambda n: (n - 1) // 2, above=lambda n: n // 2)),
    ("the window is n wide; for even n this one has a channel more", but(forward, above=lambda n: n // 2)),
    ("the window is n wide; this one reaches n channels to either side", but(forward, below=lambda n: n, above=lambda n: n)),
    ("the window has channels on both sides of i, not n from i on", but(forward, below=lambda n: 0, above=lambda n: n - 1)),
    ("the window lies along the channels, not along the rows", but(forward, axis=2)),
    ("the window lies along the channels, not along the columns", but(forward, axis=3)),
    ("the window lies along the channels, not along the batch", but(forward, axis=0)),
    ("activities are squared before they are summed", but(forward, square=False)),
    ("the power is -beta: it divides", but(forward, sign=1)),
    ("at the first and last channels the window is cut off, it does not go round", but(forward, clipped=False)),
    ("the channel itself is part of its window", but(forward, own=False)),
    ("it is the sum over the window, not the mean", but(forward, mean=True)),
    ("alpha multiplies the sum", but(forward, scale=False)),
    ("k is an argument, not 1", lambda a, k, n, alpha, beta: forward(a, 1.0, n, alpha, beta)),
    ("k is missing", lambda a, k, n, alpha, beta: forward(a, 0.0, n, alpha, beta)),
    ("beta is an argument, not one half", lambda a, k, n, alpha, beta: forward(a, k, n, alpha, 0.5)),
    ("beta is the power of the whole denominator: it is left out", lambda a, k, n, alpha, beta: forward(a, k, n, alpha, 1.0)),
    ("the sum runs over a window, not over all channels", but(forward, below=lambda n: 10**3, above=lambda n: 10**3)),
    ("asked for is a over the denominator, not one over it", lambda a, k, n, alpha, beta: forward(a, k, n, alpha, beta) / a),
]


# ----------------------------------------------------------------------------------------------------------- lrn_backward


def lrn_backward(g, a, k, n, alpha, beta):
    """The library's gradient."""
    x = mc.tensor(a, requires_grad=True)
    F.local_response_norm(x, n, n * alpha, beta, k).backward(mc.tensor(g))
    return x.grad.numpy()


def backward(g, a, k, n, alpha, beta, cross=1.0, own_only=False, below=None, above=None, divide=False, power=1, outer=True, inner=True,
             g_outside=False, first=True, a_twice=False, axis=1, others_only=False):
    """(3.9) with faults to choose."""
    alpha = alpha / n if divide else alpha
    d = k + alpha * window_sum(a * a, n // 2, (n - 1) // 2)
    below = (n - 1) // 2 if below is None else below(n)
    above = n // 2 if above is None else above(n)
    t = (1.0 if g_outside else g) * (a if inner else 1.0) * d ** (-beta - power)
    total = t if own_only else window_sum(t, below, above, axis, own=not others_only)
    total = total * (g if g_outside else 1.0) * (a if outer else 1.0) * (a if a_twice else 1.0)
    return (g * d**-beta if first else 0.0) - cross * 2 * alpha * beta * total


WRONG_BACKWARD = [
    ("the cross terms are missing: the denominator depends on a as well", but(backward, cross=0.0)),
    ("a_m stands in the denominators of its neighbours too, not only in its own", but(backward, own_only=True)),
    ("a_m stands in its own denominator too, not only in those of its neighbours", but(backward, others_only=True)),
    ("summed are the i whose window holds m; for even n that is the mirrored window",
     but(backward, below=lambda n: n // 2, above=lambda n: (n - 1) // 2)),
    ("the window is n wide; for even n this one has a channel more", but(backward, below=lambda n: n // 2)),
    ("here alpha is not divided by n; libraries divide it", but(backward, divide=True)),
    ("the derivative of a square has a factor 2", but(backward, cross=0.5)),
    ("the derivative of a power beta has a factor beta", lambda g, a, k, n, alpha, beta: backward(g, a, k, n, alpha, beta, cross=1 / beta)),
    ("alpha is a factor of the cross terms", lambda g, a, k, n, alpha, beta: backward(g, a, k, n, alpha, beta, cross=1 / alpha)),
    ("neighbours lower the output: the cross terms are subtracted", but(backward, cross=-1.0)),
    ("differentiating D^(-beta) gives D^(-beta - 1), not D^(-beta)", but(backward, power=0)),
    ("differentiating D^(-beta) gives D^(-beta - 1), not D^(-beta - 2)", but(backward, power=2)),
    ("a_m, the inner derivative of its square, is missing in front of the sum", but(backward, outer=False)),
    ("a_i is missing under the sum", but(backward, inner=False)),
    ("each term of the sum has its own g_i; g_m does not stand in front of it", but(backward, g_outside=True)),
    ("a_m stands in front of the sum once, not squared", but(backward, a_twice=True)),
    ("the direct term g_m D_m^(-beta) is missing", but(backward, first=False)),
    ("the sum runs over channels, not over rows", but(backward, axis=2)),
    ("asked for is the gradient in a, not b times g", lambda g, a, k, n, alpha, beta: g * forward(a, k, n, alpha, beta)),
    ("asked for is the gradient, not the normalized gradient", lambda g, a, k, n, alpha, beta: forward(g, k, n, alpha, beta)),
]

WRONG = [*(Wrong("output_size", idea + ", see (3.4)", answer) for idea, answer in WRONG_SIZE),
         *(Wrong("lrn_forward", idea + ", see (3.7)", answer) for idea, answer in WRONG_FORWARD),
         *(Wrong("lrn_backward", idea + ", see (3.9)", answer) for idea, answer in WRONG_BACKWARD)]
