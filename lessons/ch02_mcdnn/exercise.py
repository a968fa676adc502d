"""Homework of chapter 2: committees, by hand.

Fill in the functions, in NumPy, and run `minicnn check 2` (or `pytest` in this folder) as often as you like. K columns, N images, C
classes; all arrays are float64, labels are integers. Equations: docs/notes/ch02_mcdnn.md.
"""

import numpy as np  # noqa: F401


def committee(probs):
    """The committee's probabilities (N, C), from those of its columns, probs (K, N, C): (2.1).

    Hint: which axis are the columns?
    """
    raise NotImplementedError("to do")


def committee_nll(logits, labels):
    """The negative log-likelihood of the committee, a float: the mean over the images of -log p(label), (2.1).

    logits: (K, N, C), of each column, before its softmax; entries can be as large as 1000. labels: (N,).
    Hint: log of a mean of exponentials; take the largest out first.
    """
    raise NotImplementedError("to do")


def ambiguity(predictions, targets):
    """(error of the committee, mean error of its members, ambiguity): three floats, (2.4).

    predictions: (K, N), targets: (N,). All three are means over the N images of squares; the first is the second minus the third.
    """
    raise NotImplementedError("to do")


def predict(x, weights, drop, rng):
    """The committee's probabilities (N, C) at prediction, (2.1), of columns that were trained with dropout of their inputs.

    x: (N, D). weights: (K, D, C); the logits of column k are x weights[k]. While training, each input was dropped with probability
    `drop`, and what was kept was divided by 1 - drop. rng: a generator, for whoever needs one.
    """
    raise NotImplementedError("to do")
