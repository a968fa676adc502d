"""Normalisation layers."""

import numpy as np

from ..create import ones, zeros
from ..errors import InputError
from ..ops.checks import FLAG, MAYBE_NUMBER, NUMBER, checked, ints
from . import functional as F
from .checks import positive
from .module import Module
from .parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "InstanceNorm1d", "InstanceNorm2d", "LayerNorm", "GroupNorm", "LocalResponseNorm"]


class _RunningNorm(Module):
    """What batch and instance norm share: affine parameters and running statistics."""

    ndims, layout = (), ""

    def __init__(self, num_features, eps, momentum, affine, track_running_stats):
        super().__init__()
        positive(type(self).__name__, num_features=num_features)
        if momentum is not None and not 0 <= momentum <= 1:
            raise InputError(type(self).__name__, "momentum", "from 0 to 1, or None for a cumulative average", momentum)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.register_parameter("weight", Parameter(ones(num_features)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_features)) if affine else None)
        self.register_buffer("running_mean", zeros(num_features) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", zeros(dtype=np.int64) if track_running_stats else None)

    def reset_running_stats(self):
        """Mean 0, variance 1, no batches seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def _check(self, input):
        if input.ndim not in self.ndims or input.shape[1] != self.num_features:
            raise InputError(type(self).__name__, "input", f"of shape {self.layout} with c = {self.num_features}",
                             f"shape {tuple(input.shape)}")

    def extra_repr(self):
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"track_running_stats={self.track_running_stats}")


class _BatchNorm(_RunningNorm):
    @checked(bias=FLAG, momentum=MAYBE_NUMBER, k=NUMBER)
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def _step(self):
        """The weight of this batch in the running statistics: momentum, or 1/batches for a plain average."""
        if self.training and self.track_running_stats:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                return 1.0 / self.num_batches_tracked.item()
        return 0.0 if self.momentum is None else self.momentum

    def forward(self, input, relu=False):
        """See functional.batch_norm; relu=True: max(., 0) of it, which is faster than a ReLU afterwards."""
        self._check(input)
        use_batch = self.training or self.running_mean is None
        update = self.training and self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if update or not use_batch else (None, None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, use_batch, self._step(), self.eps, relu=relu)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of features (n, c) or sequences (n, c, l). See functional.batch_norm."""

    ndims, layout = (2, 3), "(n, c) or (n, c, l)"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (n, c, h, w), per channel. See functional.batch_norm."""

    ndims, layout = (4,), "(n, c, h, w)"


class _InstanceNorm(_RunningNorm):
    @checked(bias=FLAG, momentum=MAYBE_NUMBER, k=NUMBER)
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False):
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def forward(self, input):
        self._check(input)
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias,
                               self.training or not self.track_running_stats, self.momentum or 0.0, self.eps)


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of each sequence (n, c, l) on its own, per channel."""

    ndims, layout = (3,), "(n, c, l)"


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of each image (n, c, h, w) on its own, per channel."""

    ndims, layout = (4,), "(n, c, h, w)"


class LayerNorm(Module):
    """Normalisation over the last axes, then scale and shift. See functional.layer_norm."""

    @checked(bias=FLAG, momentum=MAYBE_NUMBER, k=NUMBER)
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True):
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else ints("LayerNorm", "normalized_shape", normalized_shape)
        if not shape:
            raise InputError("LayerNorm", "normalized_shape", "at least one length", shape)
        positive("LayerNorm", **{f"normalized_shape[{i}]": n for i, n in enumerate(shape)})
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.register_parameter("weight", Parameter(ones(*shape)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(zeros(*shape)) if elementwise_affine and bias else None)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalisation over groups of channels, then scale and shift per channel. See functional.group_norm."""

    @checked(bias=FLAG, momentum=MAYBE_NUMBER, k=NUMBER)
    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True):
        super().__init__()
        positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise InputError("GroupNorm", "num_groups", f"a divisor of num_channels {num_channels}", num_groups)
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.register_parameter("weight", Parameter(ones(num_channels)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_channels)) if affine else None)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """x / (k + alpha/size sum of neighbouring channels' squares)^beta. See functional.local_response_norm."""

    @checked(bias=FLAG, momentum=MAYBE_NUMBER, k=NUMBER)
    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        positive("LocalResponseNorm", size=size)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
