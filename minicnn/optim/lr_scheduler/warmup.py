"""Schedules that begin with a small rate."""

from ...errors import InputError
from ..optimizer import check_number
from .base import LRScheduler, check_steps

__all__ = ["ConstantLR", "LinearLR", "GradualWarmup"]


class ConstantLR(LRScheduler):
    """lr_t = factor lr_0 for t < total_iters, then lr_0."""

    def __init__(self, optimizer, factor=1.0 / 3, total_iters=5, last_epoch=-1):
        check_number("ConstantLR", "factor", factor, high=1)
        if factor == 0:
            raise InputError("ConstantLR", "factor", "a number > 0 and <= 1", factor)
        check_steps("ConstantLR", "total_iters", total_iters)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0:
            return self._scaled(self.factor)
        return self._scaled(1 / self.factor if self.last_epoch == self.total_iters else 1)


class LinearLR(LRScheduler):
    """lr_t = lr_0 f_t, f going linearly from start_factor at t = 0 to end_factor at t = total_iters, then constant."""

    def __init__(self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1):
        check_number("LinearLR", "start_factor", start_factor, high=1)
        if start_factor == 0:
            raise InputError("LinearLR", "start_factor", "a number > 0 and <= 1", start_factor)
        check_number("LinearLR", "end_factor", end_factor, high=1)
        check_steps("LinearLR", "total_iters", total_iters)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        t, rise = self.last_epoch, self.end_factor - self.start_factor
        if t == 0:
            return self._scaled(self.start_factor)
        if self._initial or t > self.total_iters:
            return self._current()
        return self._scaled(1 + rise / (self.total_iters * self.start_factor + (t - 1) * rise))  # f_t / f_(t-1)


class GradualWarmup(LRScheduler):
    """lr_t = lr_0 (1 + (multiplier - 1) t / total_iters), reaching multiplier lr_0 at t = total_iters, then constant.

    A batch k times as large wants k times the rate (the linear scaling rule), but not from the first step on: lr_0 is
    the rate for the small batch, `multiplier` is k, and total_iters is the number of steps in 5 epochs. Schedules on
    one optimizer multiply, so a MultiStepLR beside it gives the paper's whole schedule.
    Source: Goyal et al. 2017, section 2.2. Not in torch.
    """

    def __init__(self, optimizer, multiplier, total_iters, last_epoch=-1):
        check_number("GradualWarmup", "multiplier", multiplier)
        if multiplier == 0:
            raise InputError("GradualWarmup", "multiplier", "a number > 0", multiplier)
        check_steps("GradualWarmup", "total_iters", total_iters)
        self.multiplier, self.total_iters = multiplier, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, t):
        return 1 + (self.multiplier - 1) * min(t, self.total_iters) / self.total_iters

    def get_lr(self):
        if self._initial:
            return self._current()
        return self._scaled(self._factor(self.last_epoch) / self._factor(self.last_epoch - 1))
