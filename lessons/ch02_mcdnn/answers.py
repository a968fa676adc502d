"""Chapter 2: the library's own answers, and typical wrong ones with the idea that each misses."""

import numpy as np

import minicnn as mc
from minicnn import nn
from minicnn.models import Committee
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong


class Fixed(nn.Module):
    """A column whose logits are known."""

    def __init__(self, logits):
        super().__init__()
        self.logits = mc.tensor(logits)

    def forward(self, x):
        return self.logits


def log_committee(logits):
    """log of the mean of the columns' probabilities."""
    return Committee([Fixed(z) for z in logits])(mc.zeros(1))


def committee(probs):
    """The library's Committee over columns with these probabilities."""
    with np.errstate(divide="ignore"):
        return log_committee(np.log(probs)).exp().numpy()


def committee_nll(logits, labels):
    """Committee and cross entropy."""
    return F.nll_loss(log_committee(logits), mc.tensor(labels)).item()


def ambiguity(predictions, targets):
    """Each term by itself."""
    mean = predictions.mean(axis=0)
    return (float(((mean - targets) ** 2).mean()), float(((predictions - targets) ** 2).mean()), float(((predictions - mean) ** 2).mean()))


def predict(x, weights, drop, rng):
    """Nothing is dropped; with inverted dropout nothing is scaled either."""
    return log_committee(np.einsum("nd,kdc->knc", x, weights)).exp().numpy()


# ------------------------------------------------------------------------------------------------------------ wrong answers


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def geometric(probs, renormalise=True):
    with np.errstate(divide="ignore"):
        g = np.exp(np.log(probs).mean(axis=0))
    return g / g.sum(axis=1, keepdims=True) if renormalise else g


def votes(probs):
    return np.eye(probs.shape[2])[probs.argmax(axis=2)].mean(axis=0)


def winner(probs):
    return np.eye(probs.shape[2])[votes(probs).argmax(axis=1)]


def picked(log_p, labels):
    return -log_p[..., np.arange(len(labels)), labels]


def naive_nll(logits, labels):
    with np.errstate(all="ignore"):
        e = np.exp(logits)
        return float(picked(np.log((e / e.sum(axis=2, keepdims=True)).mean(axis=0)), labels).mean())


def log_mean(logits):
    z = log_softmax(logits)
    top = z.max(axis=0)
    return top + np.log(np.exp(z - top).mean(axis=0))


def summed_nll(logits, labels):
    return float(picked(log_mean(logits), labels).sum())


def sum_for_mean(logits, labels):
    return float(picked(log_mean(logits) + np.log(len(logits)), labels).mean())


def unnormalised(logits, labels):
    top = logits.max(axis=0)
    z = top + np.log(np.exp(logits - top).mean(axis=0))
    return float(picked(log_softmax(z), labels).mean())


def terms(predictions, targets, ddof=0, around_target=False, root=False, order=(0, 1, 2), sums=False):
    mean = predictions.mean(axis=0)
    spread = ((predictions - (targets if around_target else mean)) ** 2).mean() * len(predictions) / (len(predictions) - ddof)
    found = [((mean - targets) ** 2).mean(), ((predictions - targets) ** 2).mean(), spread]
    if sums:
        found = [v * len(targets) for v in found]
    return tuple(float(np.sqrt(found[i]) if root else found[i]) for i in order)


def error_of_means(predictions, targets):
    a, b, c = terms(predictions, targets)
    return a, float(((predictions - targets).mean(axis=1) ** 2).mean()), c


def dropping(x, weights, drop, rng, scale=True):
    masks = rng.random((len(weights), *x.shape)) >= drop
    return softmax(np.einsum("knd,kdc->knc", masks * x / ((1 - drop) if scale else 1.0), weights)).mean(axis=0)


def scaled(factor):
    return lambda x, weights, drop, rng: softmax(np.einsum("nd,kdc->knc", x * factor(drop), weights)).mean(axis=0)


COMMITTEE, NLL, AMBIGUITY, PREDICT = "committee", "committee_nll", "ambiguity", "predict"
WRONG = [
    Wrong(COMMITTEE, "You averaged logarithms (or logits): that is the geometric mean, another committee, see (2.3)", geometric),
    Wrong(COMMITTEE, "You took the geometric mean, and it does not even sum to 1, see (2.3)", lambda p: geometric(p, False)),
    Wrong(COMMITTEE, "You counted votes; the probabilities are averaged, not thrown away, see (2.1)", votes),
    Wrong(COMMITTEE, "You took a majority vote, whose ties argmax breaks silently for the smaller number; average probabilities, see (2.1)", winner),
    Wrong(COMMITTEE, "You added the probabilities up without dividing by K, see (2.1)", lambda p: p.sum(axis=0)),
    Wrong(COMMITTEE, "You averaged over the images, not over the columns, see (2.1)", lambda p: p.mean(axis=1)),
    Wrong(COMMITTEE, "You averaged over the classes, not over the columns, see (2.1)", lambda p: p.mean(axis=2)),
    Wrong(COMMITTEE, "You took the largest probability of any column, see (2.1)", lambda p: p.max(axis=0)),
    Wrong(COMMITTEE, "You took the median; (2.1) is the mean", lambda p: np.median(p, axis=0)),
    Wrong(COMMITTEE, "You put a softmax over probabilities: they are normalised already, see (2.1)", lambda p: softmax(p).mean(axis=0)),
    Wrong(COMMITTEE, "You multiplied the probabilities and normalised: independent evidence, not a mean, see (2.1)",
          lambda p: p.prod(axis=0) / p.prod(axis=0).sum(axis=1, keepdims=True)),
    Wrong(NLL, "You averaged logits: that is the geometric mean, see (2.3)", lambda z, y: float(picked(log_softmax(z.mean(axis=0)), y).mean())),
    Wrong(NLL, "That is the mean of the members' likelihoods, the right side of (2.2); the committee's is the left", lambda z, y: float(picked(log_softmax(z), y).mean())),
    Wrong(NLL, "exp of a large logit is infinite: take the largest out before you exponentiate, see (2.1)", naive_nll),
    Wrong(NLL, "You summed over the images; take the mean, see (2.1)", summed_nll),
    Wrong(NLL, "You forgot log K: the mean of the probabilities, not their sum, see (2.1)", sum_for_mean),
    Wrong(NLL, "Each column needs its own softmax before the mean; one over all makes the column with large logits rule, see (2.1)", unnormalised),
    Wrong(NLL, "The sign: likelihoods are at most 1, so their negative logarithm is not negative, see (2.2)", lambda z, y: -committee_nll(z, y)),
    Wrong(AMBIGUITY, "The ambiguity is the spread around the committee's mean, with 1 / K, not 1 / (K - 1), see (2.4)", lambda p, t: terms(p, t, ddof=1)),
    Wrong(AMBIGUITY, "The ambiguity needs no targets: it is measured from the members' mean, see (2.4)", lambda p, t: terms(p, t, around_target=True)),
    Wrong(AMBIGUITY, "You took roots: (2.4) holds for squares", lambda p, t: terms(p, t, root=True)),
    Wrong(AMBIGUITY, "The first two are exchanged: the committee's error first, see (2.4)", lambda p, t: terms(p, t, order=(1, 0, 2))),
    Wrong(AMBIGUITY, "You summed over the images; take means, see (2.4)", lambda p, t: terms(p, t, sums=True)),
    Wrong(AMBIGUITY, "Square before you average over the images: errors of both signs cancel otherwise, see (2.4)", error_of_means),
    Wrong(PREDICT, "You left the columns in training mode: at prediction nothing is dropped, see (2.1)", dropping),
    Wrong(PREDICT, "You left the columns in training mode, and without the 1 / (1 - drop), see (2.1)", lambda x, w, d, r: dropping(x, w, d, r, False)),
    Wrong(PREDICT, "You multiplied by 1 - drop: the training divided by it already, so that nothing is left to do, see (2.1)", scaled(lambda d: 1 - d)),
    Wrong(PREDICT, "You divided by 1 - drop at prediction too, see (2.1)", scaled(lambda d: 1 / (1 - d))),
    Wrong(PREDICT, "You averaged the logits, or the weights, which is the same here: the geometric mean, see (2.3)", lambda x, w, d, r: softmax(x @ w.mean(axis=0))),
]
