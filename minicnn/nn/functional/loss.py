"""Losses, as torch.nn.functional has them: defaults, reductions, soft targets, label smoothing, ignored labels.

Options are given by name: by position PyTorch still has its old size_average and reduce, which are not taken here.
"""

import numpy as np

from ...autograd import raw
from ...backend import on_host, xp_of
from ...errors import InputError
from ...ops import elementwise as E
from ...ops import reduce as R
from ...ops.checks import checked
from .checks import check_choice, check_float, reduced

__all__ = [
    "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "kl_div",
]


def _check_shapes(function, input, target):
    check_float(function, input)
    if not hasattr(target, "shape") or tuple(target.shape) != tuple(input.shape):
        raise InputError(function, "target", f"of the input's shape {tuple(input.shape)}",
                         f"shape {tuple(getattr(target, 'shape', ()))}", "Reshape or expand one of them first")


def _class_weight(function, weight, classes, dtype, ndim):
    """Weights per class as an array along axis 1, or None."""
    if weight is None:
        return None
    w = raw(weight)
    if tuple(w.shape) != (classes,):
        raise InputError(function, "weight", f"of shape ({classes},), one number per class", f"shape {tuple(w.shape)}")
    return w.astype(dtype).reshape((1, classes) + (1,) * (ndim - 2))


def _labels(function, input, target, ignore_index):
    """Integer targets, checked, and where they count; shapes (n, ...) for logits (n, classes, ...).

    On a GPU a look at the labels would make the host wait; there a label out of range makes the loss NaN instead.
    """
    y, classes = raw(target), input.shape[1]
    expected = (input.shape[0], *input.shape[2:])
    if tuple(y.shape) != expected:
        raise InputError(function, "target", f"integers of shape {expected} for an input of shape {tuple(input.shape)}",
                         f"shape {tuple(y.shape)}")
    counted = y != ignore_index
    if on_host(y) and (counted & ((y < 0) | (y >= classes))).any():
        raise InputError(function, "target", f"labels from 0 to {classes - 1} (or ignore_index {ignore_index})",
                         f"values from {y.min()} to {y.max()}",
                         "Labels count from 0; check num_classes of the last layer")
    return y, counted


def _one_hot_targets(y, counted, classes, dtype):
    """q of shape (n, classes, ...) with a 1 at each counted label, zeros elsewhere; NaN for labels out of range."""
    xp = xp_of(y)
    index = xp.arange(classes, dtype=y.dtype).reshape((1, classes) + (1,) * (y.ndim - 1))
    q = ((y[:, None] == index) & counted[:, None]).astype(dtype)
    if not on_host(y):
        bad = counted & ((y < 0) | (y >= classes))
        q += xp.where(bad, np.nan, 0.0).astype(dtype)[:, None]
    return q


def _weighted(function, logp, q, total, reduction):
    """-sum_c q_c log p_c per sample, or its sum, or that divided by `total`."""
    check_choice(function, "reduction", reduction, ("none", "mean", "sum"))
    if reduction != "none" and not hasattr(q, "requires_grad"):  # sign and divisor go into the mask: two operations fewer
        return E.mul_mask(logp, mask=-q if reduction == "sum" else q / -total).sum()
    losses = -(E.mul_mask(logp, mask=q)).sum(1) if not hasattr(q, "requires_grad") else -(logp * q).sum(1)
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.sum() / total


def _unbatched(input, target):
    """A single sample (classes,) with a 0-d label as a batch of one."""
    if input.ndim == 1:
        return input.reshape((1, -1)), target.reshape((1, *target.shape)), True
    return input, target, False


@checked
def nll_loss(input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """-w_y log p_y for log-probabilities `input` (n, classes, ...) and labels (n, ...); 'mean' divides by the sum of w_y."""
    check_float("nll_loss", input)
    if input.ndim < 1:
        raise InputError("nll_loss", "input", "of shape (n, classes, ...)", "a scalar")
    input, target, single = _unbatched(input, target)
    y, counted = _labels("nll_loss", input, target, ignore_index)
    q = _one_hot_targets(y, counted, input.shape[1], raw(input).dtype)
    w = _class_weight("nll_loss", weight, input.shape[1], q.dtype, input.ndim)
    q = q if w is None else q * w
    result = _weighted("nll_loss", input, q, q.sum(), reduction)
    return result.reshape(()) if single else result


@checked
def cross_entropy(input, target, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """-sum_c q_c log softmax(x)_c for logits `input` (n, classes, ...).

    target: integer labels (n, ...), or probabilities of the input's shape. label_smoothing eps mixes q with the
    uniform distribution, (1 - eps) q + eps / classes (Szegedy et al. 2015, section 7). 'mean' divides by the sum of
    the labels' weights, or by the number of samples for probabilities.
    """
    check_float("cross_entropy", input)
    if input.ndim < 1:
        raise InputError("cross_entropy", "input", "of shape (n, classes, ...)", "a scalar")
    if not 0 <= label_smoothing <= 1:
        raise InputError("cross_entropy", "label_smoothing", "from 0 to 1", label_smoothing)
    input, target, single = _unbatched(input, target)
    classes, dtype = input.shape[1], raw(input).dtype
    w = _class_weight("cross_entropy", weight, classes, dtype, input.ndim)
    logp = R.log_softmax(input, axis=1)
    if raw(target).dtype.kind == "f":
        _check_shapes("cross_entropy", input, target)
        q = target if label_smoothing == 0 else target * (1 - label_smoothing) + label_smoothing / classes
        q = q if w is None else q * w
        total = raw(input).size / classes
    else:
        y, counted = _labels("cross_entropy", input, target, ignore_index)
        q = _one_hot_targets(y, counted, classes, dtype)
        total = q.sum() if w is None else (q * w).sum()
        if w is not None:  # the true class carries w_y, the smoothing part each class's own weight
            q = (q * w) * (1 - label_smoothing) + (label_smoothing / classes) * w * counted[:, None]
        elif label_smoothing:
            q = q * (1 - label_smoothing) + (label_smoothing / classes) * counted[:, None]
        q = q.astype(dtype)
    result = _weighted("cross_entropy", logp, q, total, reduction)
    return result.reshape(()) if single and reduction == "none" else result


@checked
def mse_loss(input, target, *, reduction="mean"):
    """(x - t)^2."""
    _check_shapes("mse_loss", input, target)
    return reduced("mse_loss", E.square(input - target), reduction)


@checked
def l1_loss(input, target, *, reduction="mean"):
    """|x - t|."""
    _check_shapes("l1_loss", input, target)
    return reduced("l1_loss", E.abs(input - target), reduction)


@checked
def smooth_l1_loss(input, target, *, reduction="mean", beta=1.0):
    """d^2 / (2 beta) for d = |x - t| < beta, d - beta / 2 beyond. Girshick 2015, eq. 3."""
    _check_shapes("smooth_l1_loss", input, target)
    if beta < 0:
        raise InputError("smooth_l1_loss", "beta", ">= 0", beta)
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return reduced("smooth_l1_loss", _huber(input - target, beta) / beta, reduction)


@checked
def huber_loss(input, target, *, reduction="mean", delta=1.0):
    """d^2 / 2 for d = |x - t| < delta, delta (d - delta / 2) beyond."""
    _check_shapes("huber_loss", input, target)
    if not delta > 0:
        raise InputError("huber_loss", "delta", "positive", delta)
    return reduced("huber_loss", _huber(input - target, delta), reduction)


def _huber(difference, delta):
    """With c the part of d = |difference| below delta: c (d - c / 2), both branches in one formula."""
    d = E.abs(difference)
    c = E.clamp(d, max=delta)
    return c * (d - 0.5 * c)


@checked
def binary_cross_entropy(input, target, weight=None, *, reduction="mean"):
    """-t ln x - (1 - t) ln(1 - x) for probabilities x, the logarithms cut at -100 as in PyTorch."""
    _check_shapes("binary_cross_entropy", input, target)
    values = raw(input)
    if on_host(values) and values.size and (float(values.min()) < 0 or float(values.max()) > 1):
        came = f"values from {values.min()} to {values.max()}"
        raise InputError("binary_cross_entropy", "input", "probabilities from 0 to 1", came,
                         "For logits use binary_cross_entropy_with_logits")
    tiny = 3.7835e-44 if values.dtype.itemsize == 8 else 1e-44  # e^-100, also as a float32
    log = lambda p: E.clamp(E.log(E.clamp(p, min=tiny)), min=-100.0)  # noqa: E731
    losses = -(target * log(input) + (1 - target) * log(1 - input))
    return reduced("binary_cross_entropy", losses if weight is None else losses * weight, reduction)


@checked
def binary_cross_entropy_with_logits(input, target, weight=None, *, reduction="mean", pos_weight=None):
    """max(x, 0) - x t + ln(1 + e^-|x|), which is -t ln s(x) - (1 - t) ln(1 - s(x)) without overflow; pos_weight scales t."""
    _check_shapes("binary_cross_entropy_with_logits", input, target)
    positive = E.softplus(-input)  # -ln sigmoid(x)
    if pos_weight is None:
        losses = (1 - target) * input + positive
    else:
        losses = (1 - target) * input + ((pos_weight - 1) * target + 1) * positive
    return reduced("binary_cross_entropy_with_logits", losses if weight is None else losses * weight, reduction)


@checked
def kl_div(input, target, *, reduction="mean", log_target=False):
    """t (ln t - x) for log-probabilities x, 0 where t = 0; 'batchmean' divides the sum by the batch size."""
    _check_shapes("kl_div", input, target)
    check_choice("kl_div", "reduction", reduction, ("none", "mean", "sum", "batchmean"))
    if log_target:
        losses = E.exp(target) * (target - input)
    else:
        zero = raw(target) == 0
        losses = target * E.log(E.where(zero, 1.0, target)) - target * input
    return losses.sum() / input.shape[0] if reduction == "batchmean" else reduced("kl_div", losses, reduction)
