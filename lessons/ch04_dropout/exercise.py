"""Chapter 4, homework: dropout, what it does to linear regression, and the constraint that goes with it.

Write the three functions, in NumPy; `pytest lessons/ch04_dropout` or `minicnn check 4` grades them. All arrays are float64.
Careful with the letter: in dropout below, p is the probability to DROP, as in the code; in the note and in expected_loss, p is
the probability to KEEP. Do not write into the arguments.
"""

import numpy as np  # noqa: F401


def dropout(x, dy, p, training, rng):
    """(y, dx): inverted dropout forward, (4.4), and its gradient for the gradient dy of the loss in y, (4.5).

    x, dy: arrays of one shape. p: the probability to drop an entry, 0 <= p < 1. rng: a numpy Generator; draw from it and from
    nothing else, a new mask of the shape of x. In evaluation (training False) y is x and dx is dy.
    Hint: forward and backward share one factor for each entry, 0 or something larger than 1.
    """
    raise NotImplementedError("to do")


def expected_loss(y, x, w, p):
    """The mean over all masks of ||y - (R * x) w||^2, a number, (4.7): R (N, D) has independent entries, 1 with probability p.

    y: (N,). x: (N, D). w: (D,). p: the probability to KEEP. No random numbers: it has a closed form.
    Hint: bias and variance.
    """
    raise NotImplementedError("to do")


def max_norm(w, c):
    """The weights w (out, in) with each unit's vector of weights brought back into the ball of radius c, (4.10).

    A unit's weights are a row of w. Rows inside the ball stay as they are; a row of zeros too.
    """
    raise NotImplementedError("to do")
