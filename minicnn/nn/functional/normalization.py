"""Batch, layer, group, instance and local response normalisation, as torch.nn.functional has them."""

import math

from ...autograd import Traced, is_grad_enabled, raw
from ...errors import InputError
from ...kernels.channel_norm import running_average
from ...ops import elementwise as E
from ...ops import normalize as N
from ...ops import shape as S
from ...ops.checks import FLAG, NUMBER, OPTIONAL, checked, ints
from .checks import check_dtypes, check_float

__all__ = ["batch_norm", "layer_norm", "group_norm", "instance_norm", "local_response_norm"]


def _normalized(x, weight, bias, axes, eps, normalize=N.normalize):
    """ops.normalize with the moments taken here, so that a caller can use them too."""
    stats = N.moments(raw(x), axes)
    y = normalize(x, 1.0 if weight is None else weight, 0.0 if bias is None else bias, axes=axes, eps=eps, stats=stats)
    return y, stats


def _per_channel(function, name, vector, x):
    """A vector of one number per channel, shaped to broadcast against (n, c, ...)."""
    if vector is None:
        return None
    if tuple(vector.shape) != (x.shape[1],):
        raise InputError(function, name, f"of shape ({x.shape[1]},), one number per channel", f"shape {tuple(vector.shape)}")
    shape = (1, x.shape[1]) + (1,) * (x.ndim - 2)
    return S.reshape(vector, shape=shape) if isinstance(vector, Traced) else vector.reshape(shape)


def _written(buffer):
    """Tell a tensor that its memory was written."""
    if isinstance(buffer, Traced):
        buffer._watch().bump()


@checked(running_mean=OPTIONAL, running_var=OPTIONAL, relu=FLAG)
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5, *, relu=False):
    """(x - m) / sqrt(s^2 + eps) * weight + bias per channel (dim 1). Ioffe, Szegedy 2015, algorithms 1 and 2.

    training: m and s^2 are the mean and *biased* variance of this batch, and the running buffers (tensors, or None)
    move towards it, running = (1 - momentum) running + momentum batch, with the *unbiased* variance, as in PyTorch.
    Otherwise m and s^2 are the running buffers, which are constants.
    relu=True: max(., 0) of it, in training in the same pass over memory.
    """
    check_float("batch_norm", input)
    check_dtypes("batch_norm", input, weight=weight, bias=bias)
    if input.ndim < 2:
        raise InputError("batch_norm", "input", "of shape (n, c, ...)", f"shape {tuple(input.shape)}")
    if not is_grad_enabled():  # nothing is recorded: arrays will do
        weight, bias = raw(weight), raw(bias)
    weight, bias = (_per_channel("batch_norm", name, v, input) for name, v in (("weight", weight), ("bias", bias)))
    if not training:
        if running_mean is None or running_var is None:
            raise InputError("batch_norm", "running_mean, running_var", "given when training is False", "None")
        centre, variance = (_per_channel("batch_norm", name, raw(v), input) for name, v in
                            (("running_mean", running_mean), ("running_var", running_var)))
        y = N.frozen_normalize(input, 1.0 if weight is None else weight, 0.0 if bias is None else bias,
                               centre=centre.copy(), root=E.rsqrt(variance + eps))
        return E.relu(y) if relu else y
    count = input.shape[0] * math.prod(input.shape[2:])
    if count <= 1:
        raise InputError("batch_norm", "input", "more than one value per channel in training", f"shape {tuple(input.shape)}",
                         "A variance needs two values: use a larger batch, or model.eval()")
    axes = (0, *range(2, input.ndim))
    y, (mean, variance) = _normalized(input, weight, bias, axes, eps, N.normalize_relu if relu else N.normalize)
    for buffer, batch, factor in ((running_mean, mean, 1.0), (running_var, variance, count / (count - 1))):
        if buffer is not None:
            _per_channel("batch_norm", "running_mean and running_var", buffer, input)
            running_average(raw(buffer), batch.reshape(-1), momentum=momentum, factor=factor)
            _written(buffer)
    return y


@checked
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - m) / sqrt(s^2 + eps) * weight + bias over the last axes, which have `normalized_shape`. Ba et al. 2016, eq. 4."""
    check_float("layer_norm", input)
    check_dtypes("layer_norm", input, weight=weight, bias=bias)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else ints("layer_norm", "normalized_shape", normalized_shape)
    if not shape or tuple(input.shape[input.ndim - len(shape) :]) != shape:
        raise InputError("layer_norm", "input", f"of a shape that ends in {shape}", f"shape {tuple(input.shape)}")
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != shape:
            raise InputError("layer_norm", name, f"of shape {shape}", f"shape {tuple(v.shape)}")
    return _normalized(input, weight, bias, tuple(range(input.ndim - len(shape), input.ndim)), eps)[0]


@checked
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalisation over each sample's groups of consecutive channels, then scale and shift per channel. Wu, He 2018."""
    check_float("group_norm", input)
    check_dtypes("group_norm", input, weight=weight, bias=bias)
    if input.ndim < 2:
        raise InputError("group_norm", "input", "of shape (n, c, ...)", f"shape {tuple(input.shape)}")
    if not isinstance(num_groups, int) or num_groups < 1 or input.shape[1] % num_groups:
        raise InputError("group_norm", "num_groups", f"a positive divisor of the {input.shape[1]} channels", num_groups)
    grouped = input.reshape((input.shape[0], num_groups, -1))
    y = _normalized(grouped, None, None, (2,), eps)[0].reshape(input.shape)
    return _scale_shift("group_norm", y, weight, bias)


def _scale_shift(function, y, weight, bias):
    if weight is not None:
        y = y * _per_channel(function, "weight", weight, y)
    return y if bias is None else y + _per_channel(function, "bias", bias, y)


@checked
def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1,
                  eps=1e-5):
    """Batch normalisation of each sample on its own: over the pixels of each channel. Ulyanov et al. 2016."""
    check_float("instance_norm", input)
    check_dtypes("instance_norm", input, weight=weight, bias=bias)
    if input.ndim < 3:
        raise InputError("instance_norm", "input", "of shape (n, c, ...pixels)", f"shape {tuple(input.shape)}")
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = math.prod(input.shape[2:])
    if count <= 1:
        raise InputError("instance_norm", "input", "more than one pixel per channel", f"shape {tuple(input.shape)}")
    y, (mean, variance) = _normalized(input, None, None, tuple(range(2, input.ndim)), eps)
    for buffer, batch in ((running_mean, mean), (running_var, variance * (count / (count - 1)))):
        if buffer is not None:
            _per_channel("instance_norm", "running_mean and running_var", buffer, input)
            raw(buffer)[...] = (1 - momentum) * raw(buffer) + momentum * batch.mean(axis=0).reshape(-1)
            _written(buffer)
    return _scale_shift("instance_norm", y, weight, bias)


@checked(k=NUMBER)
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x_c / (k + alpha/size * sum of x^2 over `size` neighbouring channels)^beta.

    PyTorch divides alpha by size; Krizhevsky et al. 2012 (section 3.3) do not: pass alpha = size * their alpha.
    """
    check_float("local_response_norm", input)
    if input.ndim < 3:
        raise InputError("local_response_norm", "input", "of shape (n, c, ...pixels)", f"shape {tuple(input.shape)}")
    if not isinstance(size, int) or size < 1:
        raise InputError("local_response_norm", "size", "a positive int", size)
    total = N.window_sum(input * input, size, axis=1)
    return input * (total * (alpha / size) + k) ** -beta
