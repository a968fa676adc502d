"""One schedule after another."""

from bisect import bisect_right

from ...errors import InputError
from .base import LRScheduler, check_optimizer, check_steps
from .plateau import ReduceLROnPlateau

__all__ = ["SequentialLR"]


class SequentialLR(LRScheduler):
    """Follows schedulers[i] from milestones[i - 1] on, where its own step number starts at 0 with its initial rates."""

    _unsaved = ("optimizer", "_schedulers")

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        check_optimizer("SequentialLR", optimizer)
        if len(schedulers) < 1 or len(milestones) != len(schedulers) - 1:
            raise InputError("SequentialLR", "milestones", f"one fewer than the schedulers ({len(schedulers)})",
                             len(milestones))
        for milestone in milestones:
            check_steps("SequentialLR", "milestones", milestone)
        if sorted(set(milestones)) != list(milestones):
            raise InputError("SequentialLR", "milestones", "rising", list(milestones))
        for scheduler in schedulers:
            if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
                raise InputError("SequentialLR", "schedulers", "schedules whose step() takes no metric",
                                 type(scheduler).__name__)
            if scheduler.optimizer is not optimizer:
                raise InputError("SequentialLR", "schedulers", "all of the given optimizer", "one of another")
        self.optimizer, self.base_lrs = optimizer, [group["initial_lr"] for group in optimizer.param_groups]
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self._restart(self.base_lrs)  # each schedule set its first rate when it was made, on top of the others': undo
        self.last_epoch = last_epoch + 1

    def _restart(self, rates):
        self.last_epoch = 0
        self._set_lr(rates)
        self._schedulers[0]._restart(rates)
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self):
        """Go to the next step number and set its rates."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            self._schedulers[i]._restart(self._schedulers[i].base_lrs)
        else:
            self._schedulers[i].step()
        self._last_lr = self._schedulers[i].get_last_lr()

    def state_dict(self):
        """The numbers of this schedule, and under "_schedulers" those of each of its parts."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict):
        """Take over what `state_dict` returned."""
        parts = state_dict.get("_schedulers", [])
        if len(parts) != len(self._schedulers):
            raise InputError("SequentialLR.load_state_dict", "state_dict", f"of {len(self._schedulers)} schedules",
                             len(parts))
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, part in zip(self._schedulers, parts):
            scheduler.load_state_dict(part)
