"""Chapter 9: the library's own answers, and typical wrong ones with the idea that each misses."""

import math

import numpy as np

import minicnn as mc
from minicnn import nn
from minicnn.backend import Generator
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong


def prelu_backward(g, y, a):
    """(9.2), by the engine."""
    ty, ta = mc.tensor(y, requires_grad=True), mc.tensor(a, requires_grad=True)
    F.prelu(ty, ta).backward(mc.tensor(g))
    return ty.grad.numpy(), ta.grad.numpy()


def kaiming_std(shape, a, mode):
    """(9.12)."""
    area = math.prod(shape[2:])
    fan = shape[1] * area if mode == "fan_in" else shape[0] * area
    return nn.init.calculate_gain("leaky_relu", a) / math.sqrt(fan)


def kaiming_normal_(shape, a, mode, rng):
    """(9.12), by the library's function; a seed for its own generator is drawn from rng."""
    weight = mc.zeros(*shape, dtype="float64")
    return nn.init.kaiming_normal_(weight, a, mode, generator=Generator(int(rng.integers(2**31)))).numpy()


# ------------------------------------------------------------------------------------------------------ PReLU with faults


def slope(y, a, positive=1.0):
    """The derivative in y, with another slope for y > 0 if need be."""
    return np.where(y > 0, positive, a[:, None, None])


def negative(y):
    """min(0, y)."""
    return np.minimum(0, y)


def total(x, axes=(0, 2, 3)):
    """Sum over images and pixels."""
    return x.sum(axis=axes)


WRONG_PRELU = [
    ("dy on the negative side is g times a; it was 0, as for ReLU", lambda g, y, a: (g * (y > 0), total(g * negative(y)))),
    ("dy on the positive side is g, not g times a", lambda g, y, a: (g * a[:, None, None], total(g * negative(y)))),
    ("The sides are exchanged: 1 where y > 0, a where y < 0",
     lambda g, y, a: (g * np.where(y > 0, a[:, None, None], 1), total(g * negative(y)))),
    ("dy is g where y > 0 and a g where y < 0: the value of f was taken for its derivative",
     lambda g, y, a: (g * np.where(y > 0, y, a[:, None, None] * y), total(g * negative(y)))),
    ("dy passed g on as it is: the slope a on the negative side is missing", lambda g, y, a: (g.copy(), total(g * negative(y)))),
    ("The slope in y is where y is negative, not where g is",
     lambda g, y, a: (g * np.where(g > 0, 1, a[:, None, None]), total(g * negative(y)))),
    ("da is the sum of g min(0, y); all of y was taken, the positive side too", lambda g, y, a: (g * slope(y, a), total(g * y))),
    ("da is the sum of g min(0, y); here the positive side was taken", lambda g, y, a: (g * slope(y, a), total(g * np.maximum(0, y)))),
    ("da is the sum of g min(0, y); the sign of min(0, y) was lost", lambda g, y, a: (g * slope(y, a), -total(g * negative(y)))),
    ("da is the sum of g min(0, y); g is missing", lambda g, y, a: (g * slope(y, a), total(negative(y)))),
    ("da is the sum of g min(0, y); y is missing", lambda g, y, a: (g * slope(y, a), total(g * (y < 0)))),
    ("da is the sum of g min(0, y), without a: f is linear in a",
     lambda g, y, a: (g * slope(y, a), total(g * negative(y)) * a)),
    ("da sums over images and pixels; this is the mean", lambda g, y, a: (g * slope(y, a), total(g * negative(y)) / y[:, 0].size)),
    ("da sums over images and pixels; it was divided by the number of images",
     lambda g, y, a: (g * slope(y, a), total(g * negative(y)) / len(y))),
    ("One slope serves all images: da sums over them too; only the first image was taken",
     lambda g, y, a: (g * slope(y, a), total((g * negative(y))[:1]))),
    ("Each channel has a slope of its own; the sum ran over the channels too (that is one slope for the layer)",
     lambda g, y, a: (g * slope(y, a), np.full(a.shape, (g * negative(y)).sum()))),
]


# -------------------------------------------------------------------------------------------------- He's start with faults


def fans(shape, area=True, both=False, swapped=False):
    """fan-in and fan-out, with faults to choose."""
    k = math.prod(shape[2:]) if area else 1
    n_in, n_out = shape[1] * k, shape[0] * k
    if both:
        n_in = n_out = (n_in + n_out) / 2
    return (n_out, n_in) if swapped else (n_in, n_out)


def std(shape, a, mode, power=0.5, gain=lambda a: 2 / (1 + a * a), only=None, uniform=1.0, **fan):
    """(9.12) with faults to choose."""
    n_in, n_out = fans(shape, **fan)
    n = {"fan_in": n_in, "fan_out": n_out}[only or mode]
    return (gain(a) / n) ** power * uniform


def kernel_side(shape, a, mode):
    """k in place of k^2."""
    n = shape[1 if mode == "fan_in" else 0] * (shape[2] if len(shape) > 2 else 1)
    return math.sqrt(2 / ((1 + a * a) * n))


FAULTS_STD = [  # `mode was ignored` before `exchanged`, which does the same where it is wrong
    ("2/n is the variance: the standard deviation is its root, see (9.7)", {"power": 1.0}),
    ("The printed sqrt(2/n) is the standard deviation, not the variance: no second root, see (9.7) and E15", {"power": 0.25}),
    ("mode was ignored: fan_out divides by out times kh kw, see (9.10)", {"only": "fan_in"}),
    ("mode was ignored: fan_in divides by in times kh kw, see (9.7)", {"only": "fan_out"}),
    ("Fan-in is in times kh kw, fan-out is out times kh kw: they are exchanged, see (9.4) and (9.8)", {"swapped": True}),
    ("The fan of a convolution holds the window too: n = k^2 c, see (9.4)", {"area": False}),
    ("The factor 2 is missing: half of the signal is lost in the rectifier, see (9.5)", {"gain": lambda a: 1 / (1 + a * a)}),
    ("The slope a is missing: E[f(y)^2] has the factor 1 + a^2, see (9.5)", {"gain": lambda a: 2}),
    ("The factor is 1 + a^2, not 1 + a, see (9.5)", {"gain": lambda a: 2 / (1 + a)}),
    ("The factor is 1 + a^2, not (1 + a)^2: the two sides add in the square, see (9.5)", {"gain": lambda a: 2 / (1 + a) ** 2}),
    ("Divide by 1 + a^2, do not multiply by it, see (9.12)", {"gain": lambda a: 2 * (1 + a * a)}),
    ("1 + a^2, not 1 - a^2: both sides contribute, see (9.5)", {"gain": lambda a: 2 / (1 - a * a)}),
    ("n is the fan of one side; the mean of both is Glorot's rule, see (9.7)", {"both": True}),
    ("This is the bound r of the uniform law, sqrt(3) times the standard deviation, see (9.12)", {"uniform": math.sqrt(3)}),
    ("This divides the standard deviation by sqrt(3), as for a uniform law of bound sqrt(2/n), see (9.12)", {"uniform": 1 / math.sqrt(3)}),
]


def std_with(fault):
    """kaiming_std with one fault."""
    return lambda shape, a, mode: std(shape, a, mode, **fault)


def normal_with(fault):
    """kaiming_normal_ with one fault in its standard deviation."""
    return lambda shape, a, mode, rng: rng.standard_normal(shape) * std(shape, a, mode, **fault)


WRONG_NORMAL = [
    ("The law is normal, not uniform (the variance is right), see (9.12)",
     lambda s, a, mode, rng: rng.uniform(-1, 1, size=s) * std(s, a, mode) * math.sqrt(3)),
    ("The law is normal, not uniform, and sqrt(2/n) is a standard deviation, not a bound, see (9.12)",
     lambda s, a, mode, rng: rng.uniform(-1, 1, size=s) * std(s, a, mode)),
    ("The mean is 0: numbers from [0, 1) have the mean 1/2, see (9.4)", lambda s, a, mode, rng: rng.random(s) * std(s, a, mode)),
    ("The mean is 0: these are all positive, see (9.4)", lambda s, a, mode, rng: abs(rng.standard_normal(s)) * std(s, a, mode)),
    ("The weights are independent; here all filters are the same, see (9.4)",
     lambda s, a, mode, rng: np.repeat(rng.standard_normal((1, *s[1:])), s[0], axis=0) * std(s, a, mode)),
    ("The weights are independent; here all are the same number, see (9.4)",
     lambda s, a, mode, rng: np.full(s, rng.standard_normal() * std(s, a, mode))),
    ("The weights lie as (out, in, kh, kw); the first two axes are exchanged, see (9.8)",
     lambda s, a, mode, rng: rng.standard_normal((s[1], s[0], *s[2:])) * std(s, a, mode)),
    ("The standard deviation is missing: these have variance 1, see (9.12)", lambda s, a, mode, rng: rng.standard_normal(s)),
    ("The weights are random, not all equal to the standard deviation, see (9.12)", lambda s, a, mode, rng: np.full(s, std(s, a, mode))),
    ("Weights of 0 do not learn, see (9.6)", lambda s, a, mode, rng: np.zeros(s)),
]

WRONG = [*(Wrong("prelu_backward", idea + ", see (9.2)", answer) for idea, answer in WRONG_PRELU),
         *(Wrong("kaiming_std", idea, std_with(fault)) for idea, fault in FAULTS_STD),
         Wrong("kaiming_std", "The window has kh kw pixels, not kh: n = k^2 c, see (9.4)", kernel_side),
         *(Wrong("kaiming_normal_", idea, normal_with(fault)) for idea, fault in FAULTS_STD),
         *(Wrong("kaiming_normal_", idea, answer) for idea, answer in WRONG_NORMAL)]
