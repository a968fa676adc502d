"""Lower the rate when a metric stops improving."""

import math

from ...errors import InputError
from ..optimizer import check_number
from .base import LRScheduler, check_optimizer, check_steps, per_group

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """lr <- max(factor lr, min_lr) when `metrics` has not improved for more than `patience` calls of step(metrics).

    Better means below best (1 - threshold) for mode="min", above best (1 + threshold) for mode="max", or better by
    `threshold` itself for threshold_mode="abs". After a reduction, `cooldown` calls do not count as bad. Changes of
    lr not larger than `eps` are not made. A NaN never improves.
    """

    def __init__(self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel",
                 cooldown=0, min_lr=0, eps=1e-8):
        name = "ReduceLROnPlateau"
        check_optimizer(name, optimizer)
        if mode not in ("min", "max"):
            raise InputError(name, "mode", "'min' or 'max'", repr(mode))
        if threshold_mode not in ("rel", "abs"):
            raise InputError(name, "threshold_mode", "'rel' or 'abs'", repr(threshold_mode))
        check_number(name, "factor", factor, below=1)
        check_number(name, "threshold", threshold)
        check_number(name, "eps", eps)
        check_steps(name, "patience", patience, low=0)
        check_steps(name, "cooldown", cooldown, low=0)
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = per_group(name, "min_lr", min_lr, optimizer)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self._current()

    def step(self, metrics):
        """Tell the metric (a number or a tensor of one entry) of one more epoch."""
        value = float(metrics)
        self.last_epoch += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.num_bad_epochs, self.cooldown_counter = 0, self.cooldown
        self._last_lr = self._current()

    def _reduce(self):
        for group, low in zip(self.optimizer.param_groups, self.min_lrs):
            new = max(group["lr"] * self.factor, low)
            if group["lr"] - new > self.eps:
                group["lr"] = new

    def _is_better(self, value):
        change = self.threshold if self.mode == "max" else -self.threshold
        bound = self.best * (1 + change) if self.threshold_mode == "rel" else self.best + change
        return value > bound if self.mode == "max" else value < bound
