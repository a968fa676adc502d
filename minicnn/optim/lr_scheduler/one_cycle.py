"""The one-cycle policy: up to a large rate and down to almost nothing, momentum the other way."""

import math

from ...errors import InputError
from ..optimizer import check_number
from .base import LRScheduler, check_optimizer, check_steps, per_group

__all__ = ["OneCycleLR"]


def _cosine(start, end, part):
    """From start (part = 0) to end (part = 1) along half a cosine."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def _line(start, end, part):
    """From start (part = 0) to end (part = 1) along a line."""
    return start + (end - start) * part


class OneCycleLR(LRScheduler):
    """From max_lr / div_factor up to max_lr in the first pct_start of all steps, then down to
    max_lr / (div_factor final_div_factor); momentum (or Adam's first beta) from max_momentum down to base_momentum and
    up again.

    Call `step()` after every batch: there are total_steps = epochs * steps_per_epoch of them. `three_phase` goes down
    as slowly as up, and then on to the smallest rate. Source: Smith and Topin 2019 ("Super-convergence").
    """

    def __init__(self, optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3,
                 anneal_strategy="cos", cycle_momentum=True, base_momentum=0.85, max_momentum=0.95, div_factor=25.0,
                 final_div_factor=1e4, three_phase=False, last_epoch=-1):
        check_optimizer("OneCycleLR", optimizer)
        if total_steps is None:
            check_steps("OneCycleLR", "epochs (or total_steps)", epochs)
            check_steps("OneCycleLR", "steps_per_epoch (or total_steps)", steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        check_steps("OneCycleLR", "total_steps", total_steps)
        check_number("OneCycleLR", "pct_start", pct_start, high=1)
        for name, value in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            check_number("OneCycleLR", name, value, low=1e-30)
        if anneal_strategy not in ("cos", "linear"):
            raise InputError("OneCycleLR", "anneal_strategy", "'cos' or 'linear'", repr(anneal_strategy))
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self._phases = self._plan(pct_start, three_phase)
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, per_group("OneCycleLR", "max_lr", max_lr, optimizer)):
                check_number("OneCycleLR", "max_lr", high)
                group["initial_lr"], group["max_lr"] = high / div_factor, high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._set_momentum_range(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _plan(self, pct_start, three_phase):
        """Phases [last step, rate at start, rate at end, momentum at start, momentum at end], as names in a group."""
        top, last = pct_start * self.total_steps - 1, self.total_steps - 1
        up = [top, "initial_lr", "max_lr", "max_momentum", "base_momentum"]
        if not three_phase:
            return [up, [last, "max_lr", "min_lr", "base_momentum", "max_momentum"]]
        down = [2 * top, "max_lr", "initial_lr", "base_momentum", "max_momentum"]
        return [up, down, [last, "initial_lr", "min_lr", "max_momentum", "max_momentum"]]

    def _set_momentum_range(self, optimizer, base_momentum, max_momentum, last_epoch):
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise InputError("OneCycleLR", "cycle_momentum", f"False for {type(optimizer).__name__}", True,
                             "It has neither momentum nor betas")
        low = per_group("OneCycleLR", "base_momentum", base_momentum, optimizer)
        high = per_group("OneCycleLR", "max_momentum", max_momentum, optimizer)
        if last_epoch == -1:
            for group, base, top in zip(optimizer.param_groups, low, high):
                check_number("OneCycleLR", "base_momentum", base, below=1)
                check_number("OneCycleLR", "max_momentum", top, below=1)
                group["base_momentum"], group["max_momentum"] = base, top

    def _part(self):
        """The phase of the present step, and how much of it is done."""
        start = 0.0
        for phase in self._phases[:-1]:
            if self.last_epoch <= phase[0]:
                break
            start = phase[0]
        else:
            phase = self._phases[-1]
        length = phase[0] - start
        return phase, (self.last_epoch - start) / length if length else 1.0

    def get_lr(self):
        if self.last_epoch > self.total_steps:
            raise InputError("OneCycleLR.step", "the number of steps", f"at most total_steps = {self.total_steps}",
                             self.last_epoch)
        (_, lr0, lr1, momentum0, momentum1), part = self._part()
        between = _cosine if self.anneal_strategy == "cos" else _line
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                momentum = between(group[momentum0], group[momentum1], part)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return [between(group[lr0], group[lr1], part) for group in self.optimizer.param_groups]
