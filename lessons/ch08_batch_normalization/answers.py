"""Chapter 8: the reference answers, and typical wrong ones with the idea that each misses."""

import numpy as np

import minicnn as mc
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong


def batchnorm_forward(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    """The library's batch_norm."""
    mean, var = mc.tensor(running_mean), mc.tensor(running_var)
    y = F.batch_norm(mc.tensor(x), mean, var, mc.tensor(gamma), mc.tensor(beta), training, momentum, eps)
    return y.numpy(), mean.numpy(), var.numpy()


def batchnorm_backward(dy, x, gamma, eps):
    """The library's gradients."""
    tx, tg, tb = (mc.tensor(a, requires_grad=True) for a in (x, gamma, np.zeros_like(gamma)))
    F.batch_norm(tx, None, None, tg, tb, training=True, eps=eps).backward(mc.tensor(dy))
    return tx.grad.numpy(), tg.grad.numpy(), tb.grad.numpy()


AXES = (0, 2, 3)


def forward(x, gamma, beta, running_mean, running_var, training, momentum, eps, axes=AXES, ddof=0, unbiased=True, outside=False,
            swapped=False, always=False, batch_in_eval=False, scale=True, shift=True, first=False):
    """Batch normalization with faults to choose."""
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, ddof=ddof, keepdims=True)
    count = x.size // x.shape[1]
    new_mean, new_var = running_mean, running_var
    if training or always:
        k = 1 - momentum if swapped else momentum
        stored = x.var(axis=AXES) * (count / (count - 1) if unbiased else 1.0)
        new_mean, new_var = (1 - k) * running_mean + k * x.mean(axis=AXES), (1 - k) * running_var + k * stored
    if not training and not batch_in_eval:
        mean, var = running_mean.reshape(1, -1, 1, 1), running_var.reshape(1, -1, 1, 1)
    if training and first:
        mean, var = new_mean.reshape(1, -1, 1, 1), new_var.reshape(1, -1, 1, 1)
    normal = (x - mean) / (np.sqrt(var) + eps if outside else np.sqrt(var + eps))
    y = normal * (gamma.reshape(1, -1, 1, 1) if scale else 1.0) + (beta.reshape(1, -1, 1, 1) if shift else 0.0)
    return y, new_mean, new_var


def backward(dy, x, gamma, eps, constant=False, no_mean=False, no_product=False, axes=AXES, outside=False, scale=True, ddof=0, root=0.5,
             sums=False):
    """The gradients with faults to choose."""
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, ddof=ddof, keepdims=True)
    inverse = 1 / (np.sqrt(var) + eps) if outside else (var + eps) ** -root
    normal = (x - mean) * inverse
    e = dy * (gamma.reshape(1, -1, 1, 1) if scale else 1.0)
    average = np.sum if sums else np.mean
    dx = e.copy()
    if not constant:
        dx = dx - (0 if no_mean else average(e, axis=axes, keepdims=True))
        dx = dx - (0 if no_product else normal * average(e * normal, axis=axes, keepdims=True))
    return dx * inverse, (dy * normal).sum(axis=AXES), dy.sum(axis=AXES)


def but(function, **fault):
    """The function with one fault."""
    return lambda *args: function(*args, **fault)


def means_for_sums(dy, x, gamma, eps):
    dx, dgamma, dbeta = backward(dy, x, gamma, eps)
    count = x.size // x.shape[1]
    return dx, dgamma / count, dbeta / count


def raw_input_in_dgamma(dy, x, gamma, eps):
    dx, _, dbeta = backward(dy, x, gamma, eps)
    return dx, (dy * x).sum(axis=AXES), dbeta


def exchanged(dy, x, gamma, eps):
    dx, dgamma, dbeta = backward(dy, x, gamma, eps)
    return dx, dbeta, dgamma


FORWARD, BACKWARD = "batchnorm_forward", "batchnorm_backward"
WRONG = [
    Wrong(FORWARD, "You put epsilon outside the root, as the lecture notes misprint it; it belongs inside: see (8.2)", but(forward, outside=True)),
    Wrong(FORWARD, "You normalised with the unbiased variance; in training the biased one (divide by m') is used: see (8.1)", but(forward, ddof=1)),
    Wrong(FORWARD, "You stored the biased variance; the running variance takes m' / (m' - 1) of it: see (8.9)", but(forward, unbiased=False)),
    Wrong(FORWARD, "You swapped momentum and 1 - momentum: the new batch has the weight momentum, see (8.9)", but(forward, swapped=True)),
    Wrong(FORWARD, "You updated the running statistics in evaluation; there they are only read: see (8.10)", but(forward, always=True)),
    Wrong(FORWARD, "You used the batch's statistics in evaluation; there the running ones are used: see (8.10)", but(forward, batch_in_eval=True)),
    Wrong(FORWARD, "You averaged over H and W only (that is instance normalization); the mean runs over the batch too: see (8.1)",
          but(forward, axes=(2, 3))),
    Wrong(FORWARD, "You averaged over the batch only; in a convolutional net all pixels of a channel share their statistics: see (8.1)",
          but(forward, axes=(0,))),
    Wrong(FORWARD, "You averaged over the channels too (that is layer normalization): see (8.1)", but(forward, axes=(0, 1, 2, 3))),
    Wrong(FORWARD, "You left out gamma: see (8.2)", but(forward, scale=False)),
    Wrong(FORWARD, "You left out beta: see (8.2)", but(forward, shift=False)),
    Wrong(FORWARD, "You normalised the training batch with the running statistics; it uses its own: see (8.1)", but(forward, first=True)),
    Wrong(BACKWARD, "You treated mean and variance as constants, which is right in evaluation only: see (8.4)", but(backward, constant=True)),
    Wrong(BACKWARD, "You dropped mean(dy), the path through the batch mean: see (8.4)", but(backward, no_mean=True)),
    Wrong(BACKWARD, "You dropped x^ mean(dy x^), the path through the variance: see (8.4)", but(backward, no_product=True)),
    Wrong(BACKWARD, "You averaged over H and W only; the statistics run over the batch too: see (8.4)", but(backward, axes=(2, 3))),
    Wrong(BACKWARD, "You averaged over the batch only; all pixels of a channel share their statistics: see (8.4)", but(backward, axes=(0,))),
    Wrong(BACKWARD, "You put epsilon outside the root: see (8.2)", but(backward, outside=True)),
    Wrong(BACKWARD, "You left gamma out of dx: see (8.4)", but(backward, scale=False)),
    Wrong(BACKWARD, "You used the unbiased variance; the forward pass divides by m': see (8.1)", but(backward, ddof=1)),
    Wrong(BACKWARD, "You divided by the variance instead of its root: see (8.4)", but(backward, root=1.0)),
    Wrong(BACKWARD, "You took sums where (8.4) has means: divide by m' = N H W", but(backward, sums=True)),
    Wrong(BACKWARD, "You averaged dgamma and dbeta; they are sums, because one gamma serves all pixels: see (8.3)", means_for_sums),
    Wrong(BACKWARD, "dgamma multiplies dy by the normalised x^, not by x: see (8.3)", raw_input_in_dgamma),
    Wrong(BACKWARD, "You exchanged dgamma and dbeta: see (8.3)", exchanged),
]
