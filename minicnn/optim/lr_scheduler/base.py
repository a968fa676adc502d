"""What all learning-rate schedules share: counting steps and writing the rates into the optimizer."""

import copy
import warnings

from ...errors import InputError
from ..optimizer import Optimizer

__all__ = ["LRScheduler", "check_steps", "check_optimizer", "per_group"]


def check_steps(function, argument, value, low=1):
    """Refuse everything but an int >= low."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InputError(function, argument, f"an int >= {low}", repr(value))


def check_optimizer(function, optimizer):
    """Refuse everything but an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise InputError(function, "optimizer", "an Optimizer", type(optimizer).__name__)


def per_group(function, argument, value, optimizer):
    """`value` for each parameter group: a list as it is, anything else repeated."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise InputError(function, argument, f"one value or a list of {groups}, one per group", f"{len(value)} values")
    return list(value)


class LRScheduler:
    """Base class: subclasses write `get_lr()`, the rates of all groups for step number `last_epoch` = 0, 1, 2, ...

    Rules give the new rate from the present one wherever they can, so that several schedules on one optimizer
    multiply. Call `step()` after `optimizer.step()`, once per epoch or once per batch, whichever the numbers mean.
    `last_epoch` other than -1 goes on at that step with an optimizer whose groups have an "initial_lr"; loading
    `state_dict()` into a fresh schedule is the simpler way.
    """

    _unsaved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer, last_epoch=-1):
        name = type(self).__name__
        check_optimizer(name, optimizer)
        check_steps(name, "last_epoch", last_epoch, low=-1)
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise InputError(name, "last_epoch", "-1 for an optimizer that no schedule has seen yet", last_epoch,
                                 "Load the optimizer's state_dict first")
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._start()

    def _start(self):
        """Step number 0 (or last_epoch + 1), which no optimizer step comes before."""
        self._step_count, self._initial = 0, True
        self.step()
        self._initial = False

    def _restart(self, rates):
        """Back to step number 0, from these initial rates: the schedule's turn in a SequentialLR comes."""
        self.last_epoch, self._initial = 0, True
        self._set_lr(rates)
        self._set_lr(self.get_lr())
        self._initial = False

    def get_lr(self):
        """The rates for step number `last_epoch`, one per group."""
        raise NotImplementedError

    def get_last_lr(self):
        """The rates that were set last, one per group."""
        return list(self._last_lr)

    def step(self):
        """Go to the next step number and set its rates."""
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(f"{type(self).__name__}.step() was called before optimizer.step(): the first rate of the "
                          "schedule is skipped. Call optimizer.step() first", UserWarning, stacklevel=2)
        self._step_count += 1
        self.last_epoch += 1
        self._set_lr(self.get_lr())

    def _set_lr(self, rates):
        for group, lr in zip(self.optimizer.param_groups, rates):
            group["lr"] = float(lr)
        self._last_lr = self._current()

    def _current(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def _scaled(self, factor):
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self):
        """A copy of the schedule's numbers (not of the optimizer, nor of functions)."""
        return copy.deepcopy({k: v for k, v in vars(self).items() if k not in self._unsaved})

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` returned. The optimizer's rates come with the optimizer's own state."""
        expected = {k for k in vars(self) if k not in self._unsaved}
        if not isinstance(state_dict, dict) or set(state_dict) != expected:
            got = sorted(state_dict) if isinstance(state_dict, dict) else type(state_dict).__name__
            name = f"{type(self).__name__}.load_state_dict"
            raise InputError(name, "state_dict", f"a dict of {sorted(expected)}", got)
        vars(self).update(copy.deepcopy(state_dict))
