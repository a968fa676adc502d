"""Chapter 4: the library's own answers, and typical wrong ones with the idea that each misses."""

import numpy as np

import minicnn as mc
from minicnn import nn, optim
from minicnn.backend import Generator
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong


def dropout(x, dy, p, training, rng):
    """(4.4) and (4.5), by the library's dropout; a seed for its own generator is drawn from rng."""
    t = mc.tensor(x, requires_grad=True)
    y = F.dropout(t, p, training, generator=Generator(int(rng.integers(2**31))))
    dx, = mc.grad((y * mc.tensor(dy)).sum(), [t])
    return y.detach().numpy(), dx.numpy()


def expected_loss(y, x, w, p):
    """(4.7)."""
    return float(((y - p * x @ w) ** 2).sum() + p * (1 - p) * (w**2 * (x**2).sum(axis=0)).sum())


def max_norm(w, c):
    """(4.10), by the library's constraint."""
    weight = nn.Parameter(w.copy())
    optim.max_norm_([weight], c)
    return weight.detach().numpy()


# ------------------------------------------------------------------------------------------------- dropout with faults

DRAWS = {  # ways to draw what is kept: a fault is known by what comes out, which depends on how the mask was drawn
    "at least": lambda rng, shape, p: rng.random(shape) >= p,
    "above": lambda rng, shape, p: rng.random(shape) > p,
    "below": lambda rng, shape, p: rng.random(shape) < 1 - p,
    "binomial": lambda rng, shape, p: rng.binomial(1, 1 - p, size=shape).astype(bool),
    "uniform": lambda rng, shape, p: rng.uniform(size=shape) >= p,
}


def faulty(draw, x, dy, p, training, rng, *, swapped=False, scale="1/keep", always_scale=False, always=False, never=False, fresh=False,
           through=True, unit="entry", back_scale=True):
    """Dropout with faults to choose."""
    q = 1 - p if swapped else p
    if never or not (training or always):
        return (x * (1 - p), dy * (1 - p)) if always_scale else (x.copy(), dy.copy())
    shape = {"entry": x.shape, "example": (len(x), *[1] * (x.ndim - 1)), "one": (1, *x.shape[1:])}[unit]
    keep = draw(rng, shape, q)
    factor = {"1/keep": 1 / (1 - q), "none": 1.0, "keep": 1 - q, "1/drop": 1 / p if p else 1.0, "root": (1 - q) ** -0.5}[scale]
    again = draw(rng, shape, q) if fresh else keep
    y, dx = x * keep * factor, dy * again * (factor if back_scale else 1.0)
    return y, dx if through else dy.copy()


FAULTS = [
    ("Keep and drop are swapped: p is the probability to drop here, see (4.4)", {"swapped": True}),
    ("What is kept must be divided by the probability to keep, 1 - p, see (4.4)", {"scale": "none"}),
    ("Divide what is kept by 1 - p, the probability to keep; it was multiplied by it, see (4.4)", {"scale": "keep"}),
    ("Divide by 1 - p, the probability to keep, not by p, see (4.4)", {"scale": "1/drop"}),
    ("Divide by 1 - p, not by its root: the mean is to stay, not the variance, see (4.4)", {"scale": "root"}),
    ("In evaluation inverted dropout does nothing; this scales there as well, see (4.4)", {"always_scale": True}),
    ("In evaluation nothing is dropped, see (4.4)", {"always": True}),
    ("Nothing was dropped in training, see (4.4)", {"never": True}),
    ("The backward pass uses the same mask as the forward pass, not a fresh one, see (4.5)", {"fresh": True}),
    ("The mask is missing in the backward pass: dropped entries get no gradient, see (4.5)", {"through": False}),
    ("The factor 1 / (1 - p) is missing in the backward pass, see (4.5)", {"back_scale": False}),
    ("Each entry has a mask of its own; here a whole example is dropped or kept, see (4.2)", {"unit": "example"}),
    ("The mask is new for every example; here all of the batch share one, see (4.2)", {"unit": "one"}),
]


def with_fault(draw, fault):
    """dropout with one fault, its mask drawn in one of the ways."""
    return lambda x, dy, p, training, rng: faulty(draw, x, dy, p, training, rng, **fault)


# ------------------------------------------------------------------------------------------------- the rest with faults


def bias(y, x, w, p):
    """||y - p x w||^2."""
    return float(((y - p * x @ w) ** 2).sum())


def energy(x, w):
    """Sum over the columns of w_j^2 ||X_j||^2."""
    return float((w**2 * (x**2).sum(axis=0)).sum())


def monte_carlo(y, x, w, p):
    """A hundred masks, always the same."""
    masks = np.random.default_rng(0).random((100, *x.shape)) < p
    return float(((y - (masks * x) @ w) ** 2).sum(axis=1).mean())


WRONG_LOSS = [
    ("The variance of the masks is missing: the second term of", lambda y, x, w, p: bias(y, x, w, p)),
    ("The mean of R is p: the first term is ||y - p x w||^2 in", lambda y, x, w, p: bias(y, x, w, 1) + p * (1 - p) * energy(x, w)),
    ("Each coefficient is weighted by the energy of its column, ||X_j||^2; plain ridge forgets it (E5), see",
     lambda y, x, w, p: bias(y, x, w, p) + p * (1 - p) * float((w**2).sum())),
    ("(1 - p) / p belongs to the weights p w; for w itself the factor is p (1 - p), see",
     lambda y, x, w, p: bias(y, x, w, p) + (1 - p) / p * energy(x, w)),
    ("The variance of a Bernoulli number is p (1 - p), not p, see", lambda y, x, w, p: bias(y, x, w, p) + p * energy(x, w)),
    ("The variance of a Bernoulli number is p (1 - p), not 1 - p, see", lambda y, x, w, p: bias(y, x, w, p) + (1 - p) * energy(x, w)),
    ("The variance of a Bernoulli number is p (1 - p), not its root, see",
     lambda y, x, w, p: bias(y, x, w, p) + (p * (1 - p)) ** 0.5 * energy(x, w)),
    ("p keeps here; it was taken as the probability to drop, see", lambda y, x, w, p: expected_loss(y, x, w, 1 - p)),
    ("The masks of different columns are independent: their variances add, w_j^2 ||X_j||^2, not (x w)^2, see",
     lambda y, x, w, p: bias(y, x, w, p) + p * (1 - p) * float(((x @ w) ** 2).sum())),
    ("The loss is a sum over the rows, not a mean, see", lambda y, x, w, p: expected_loss(y, x, w, p) / len(y)),
    ("This is inverted dropout, divided by p; the loss is that of the masked x as it is, see",
     lambda y, x, w, p: bias(y, x, w, 1) + (1 - p) / p * energy(x, w)),
    ("The mean over all masks has a closed form; a hundred random masks come only near it, see", monte_carlo),
    ("The norm of a column enters squared, see",
     lambda y, x, w, p: bias(y, x, w, p) + p * (1 - p) * float((w**2 * np.sqrt((x**2).sum(axis=0))).sum())),
]


def norms(w, axis=1):
    """Length of each row, or column."""
    return np.maximum(np.sqrt((w**2).sum(axis=axis, keepdims=True)), 1e-300)


WRONG_NORM = [
    ("The weights into a unit are a row, not a column", lambda w, c: w * np.minimum(1, c / norms(w, 0))),
    ("Each unit has its own ball: rows are scaled one by one, not the whole matrix at once",
     lambda w, c: w * min(1, c / np.sqrt((w**2).sum()))),
    ("Rows inside the ball stay as they are; they were stretched to the sphere", lambda w, c: w * (c / norms(w))),
    ("The ball is that of the 2-norm; entries were clipped one by one", lambda w, c: np.clip(w, -c, c)),
    ("A row keeps its direction and gets length c, not length 1", lambda w, c: w * np.where(norms(w) > c, 1 / norms(w), 1)),
    ("The norm is the root of the sum of squares; the root is missing", lambda w, c: w * np.minimum(1, c / np.maximum((w**2).sum(axis=1, keepdims=True), 1e-300))),
    ("The norm is the 2-norm, not the sum of absolute values",
     lambda w, c: w * np.minimum(1, c / np.maximum(abs(w).sum(axis=1, keepdims=True), 1e-300))),
    ("The norm is the 2-norm, not the largest absolute value",
     lambda w, c: w * np.minimum(1, c / np.maximum(abs(w).max(axis=1, keepdims=True), 1e-300))),
    ("The norm is the root of the sum of squares, not of their mean", lambda w, c: w * np.minimum(1, c / (norms(w) / w.shape[1] ** 0.5))),
    ("The condition is turned round: rows outside the ball are shortened, not those inside stretched",
     lambda w, c: w * np.maximum(1, c / norms(w))),
    ("A row outside the ball goes to the nearest point of the ball, not to 0", lambda w, c: w * (norms(w) <= c)),
    ("The factor is c / ||w||, not its square", lambda w, c: w * np.minimum(1, c / norms(w)) ** 2),
]

WRONG = [*(Wrong("dropout", idea, with_fault(draw, fault)) for idea, fault in FAULTS for draw in DRAWS.values()),
         *(Wrong("expected_loss", idea + " (4.7)", answer) for idea, answer in WRONG_LOSS),
         *(Wrong("max_norm", idea + ", see (4.10)", answer) for idea, answer in WRONG_NORM)]
