"""Checkpoint: where and how often `fit` saves, which files stay, and which one to go on from."""

import math
import re
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

from ..errors import DataError, InputError
from ..files import remove_stale
from .checkpoint import load_checkpoint, save_checkpoint

__all__ = ["Checkpoint", "Saver"]

NAME = re.compile(r"step(\d+)(?:-epoch(\d+))?\.safetensors")
STALE = 60  # seconds after which nobody writes to a partial file any more


class Checkpoint:
    """A folder of checkpoints of one run, for `fit(..., checkpoint=Checkpoint("runs/a"), resume=True)`.

    every: "epoch", or a number of steps; then within epochs too (the loader must have state_dict(), as DataLoader does).
    keep: how many of the newest stay. best: a number of each epoch, such as "test_accuracy", whose best epoch stays as
    well; mode: "max" or "min" of it, by default "max" for an accuracy. extra: {name: object or data} to save along, such as
    a second model, a Generator of your own; objects are restored in place.

    Files are named after the steps taken, step00000120.safetensors, with -epoch0003 at the end of an epoch. Each appears
    all at once, so the newest is always whole: a run killed at any moment loses at most `every`.
    """

    def __init__(self, folder, every="epoch", keep=2, best=None, mode=None, extra=None):
        for name, value in (("every", every), ("keep", keep)):
            if not (name == "every" and value == "epoch") and (type(value) is not int or value < 1):
                raise InputError("Checkpoint", name, "'epoch' or an int >= 1" if name == "every" else "an int >= 1", repr(value))
        if best is not None and not isinstance(best, str):
            raise InputError("Checkpoint", "best", "the name of a number of each epoch, or None", repr(best))
        if mode not in (None, "max", "min") or (mode and not best):
            raise InputError("Checkpoint", "mode", "'max' or 'min', for best", repr(mode))
        self.folder, self.every, self.keep, self.best, self.extra = Path(folder), every, keep, best, dict(extra or {})
        self.mode = mode or ("max" if best and "accuracy" in best else "min")

    def paths(self):
        """The checkpoints in the folder, oldest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((path for path in found if NAME.fullmatch(path.name)), key=_order)

    def latest(self):
        """The newest checkpoint, or None."""
        return next(reversed(self.paths()), None)

    def best_path(self, history):
        """The checkpoint of the best epoch of a history, or None."""
        values = [_rank(record.get(self.best), self.mode) for record in history.epochs] if self.best else []
        number = values.index(max(values)) + 1 if values else None
        return next((path for path in self.paths() if _order(path)[1] == number), None)

    def save(self, history, epoch_ended, **parts):
        """Save parts and extra, then remove the files that are not to be kept. Returns the path."""
        if epoch_ended and self.best is not None and self.best not in history.epochs[-1]:
            raise InputError("Checkpoint", "best", f"one of {', '.join(history.epochs[-1])}", repr(self.best))
        ending = f"-epoch{len(history.epochs):04d}" if epoch_ended else ""
        path = self.folder / f"step{len(history.steps):08d}{ending}.safetensors"
        save_checkpoint(path, **parts, history=history, **self._named_extra())
        kept = {*self.paths()[-self.keep:], self.best_path(history)}
        try:
            for old in self.paths():
                if old not in kept:
                    old.unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot remove an old checkpoint: {error}") from error
        remove_stale(self.folder, "step*", STALE)
        return path

    def restore(self, path=None, **parts):
        """Load the newest checkpoint (or that of `path`) into parts and extra; returns its plain data, or None where
        there is no checkpoint."""
        path = self.latest() if path is None else Path(path)
        if path is None:
            return None
        objects = {name: thing for name, thing in self._named_extra().items() if _has_state(thing)}
        return load_checkpoint(path, **parts, **objects)

    def _named_extra(self):
        return {f"extra.{name}": thing for name, thing in self.extra.items()}


def _are_sums(sums):
    """Whether these are the sums that `fit` keeps over an epoch."""
    wanted = isinstance(sums, dict) and sums.keys() == {"loss", "hits", "count"}
    return wanted and all(type(n) in (int, float) for n in sums.values())


def _has_state(thing):
    return hasattr(thing, "load_state_dict") or hasattr(thing, "set_state")


def _order(path):
    """(steps, epochs) in a file's name; within one number of steps, the end of the epoch comes later."""
    steps, epoch = NAME.fullmatch(path.name).groups(default=-1)
    return int(steps), int(epoch)


def _rank(value, mode):
    """A number that grows with quality; what is missing or NaN comes last."""
    if value is None or math.isnan(value):
        return -math.inf
    return value if mode == "max" else -value


@contextmanager
def _held_interrupt():
    """Inside the block the first Ctrl-C only sets the Event that is yielded; a second one interrupts as ever.

    In other threads, and where a program handles Ctrl-C itself, nothing is held.
    """
    asked = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield asked
        return

    def hold(*_):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        asked.set()

    signal.signal(signal.SIGINT, hold)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# ------------------------------------------------------------------------------------------------------- what fit needs


class Saver:
    """The side of `fit` that deals with its checkpoint (or has none): resume, save in time, stop on Ctrl-C."""

    def __init__(self, checkpoint, resume, history, **parts):
        self.checkpoint, self.history, self.asked = checkpoint, history, threading.Event()
        self.in_epochs = hasattr(parts["loader"], "state_dict")
        self.parts = {name: part for name, part in parts.items() if part is None or hasattr(part, "state_dict")}
        self.sums = None
        if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
            raise InputError("fit", "checkpoint", "a train.Checkpoint or None", type(checkpoint).__name__)
        if resume and checkpoint is None:
            raise InputError("fit", "resume", "False without a checkpoint", resume)
        if checkpoint is not None:
            self._begin(resume)

    def _begin(self, resume):
        """Load the newest checkpoint, or see to it that the folder is free for a new run."""
        newest = self.checkpoint.latest()
        if self.checkpoint.every != "epoch" and not self.in_epochs:
            raise InputError("fit", "checkpoint", "of every='epoch' for a loader without state_dict()", self.checkpoint.every,
                             "Use a DataLoader: it can begin again in the middle of an epoch")
        if newest is not None and not resume:
            raise InputError("fit", "checkpoint", "of a folder without checkpoints for a new run", newest,
                             "Pass resume=True to go on with that run, or another folder")
        if newest is not None and (self.history.steps or self.history.epochs):
            raise InputError("fit", "history", "left out or empty with resume=True", "one with records",
                             "The checkpoint has a history of its own")
        loaded = self.checkpoint.restore(newest, **self.parts, history=self.history) if newest else None
        if loaded is not None:
            self.sums = loaded.get("sums")
            if self.sums is not None and not _are_sums(self.sums):
                raise DataError(f"{newest}: a damaged checkpoint: the sums of the epoch are {self.sums!r:.80}")

    def take_sums(self):
        """Sums over the epoch that begins, or the rest of it: loss, hits, count."""
        sums, self.sums = self.sums, None
        return {"loss": 0.0, "hits": 0, "count": 0} if sums is None else sums

    @contextmanager
    def held_interrupt(self):
        """With a checkpoint, Ctrl-C waits for the end of the step."""
        if self.checkpoint is None:
            yield
            return
        with _held_interrupt() as self.asked:
            yield

    def after_step(self, sums):
        """Save if it is time to, or if somebody wants to stop."""
        if self.checkpoint is None:
            return
        every, path = self.checkpoint.every, None
        if self.in_epochs and (self.asked.is_set() or every != "epoch" and len(self.history.steps) % every == 0):
            path = self.checkpoint.save(self.history, False, **self.parts, sums=sums)
        self._stop_if_asked(path)

    def after_epoch(self):
        """Save, and stop if somebody wants to."""
        if self.checkpoint is not None:
            self._stop_if_asked(self.checkpoint.save(self.history, True, **self.parts, sums=None))

    def _stop_if_asked(self, path):
        if self.asked.is_set():
            raise KeyboardInterrupt(f"fit: stopped after step {len(self.history.steps)}; "
                                    f"resume=True goes on from {path or self.checkpoint.latest() or 'the beginning'}")
