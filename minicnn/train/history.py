"""History: what a training run measured, step by step and epoch by epoch, as plain numbers that JSON can carry."""

import json

import numpy as np

__all__ = ["History"]


class History:
    """`steps` and `epochs` are lists of dicts of numbers; `series(name)` picks one number out of each.

    >>> history = History()
    >>> history.add_step(loss=2.3)
    >>> history.series("loss")
    [2.3]
    """

    def __init__(self, steps=(), epochs=()):
        self.steps, self.epochs = [dict(s) for s in steps], [dict(e) for e in epochs]

    def add_step(self, **numbers):
        """Record one optimizer step."""
        self.steps.append({name: float(value) for name, value in numbers.items()})

    def add_epoch(self, **numbers):
        """Record one epoch."""
        self.epochs.append({name: float(value) for name, value in numbers.items()})

    def series(self, name):
        """One number of every step, or of every epoch if no step has it."""
        source = self.steps if any(name in s for s in self.steps) else self.epochs
        return [record[name] for record in source if name in record]

    def to_dict(self):
        """Plain lists and dicts."""
        return {"steps": self.steps, "epochs": self.epochs}

    def state_dict(self):
        """The same numbers as arrays, a column for each name, as checkpoints keep them."""
        return {"steps": _columns(self.steps), "epochs": _columns(self.epochs)}

    def load_state_dict(self, state):
        """Take over what state_dict returned."""
        self.steps, self.epochs = _records(state["steps"]), _records(state["epochs"])

    def to_json(self, path):
        """Write to a file."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.to_dict(), file)

    @classmethod
    def from_json(cls, path):
        """Read what to_json wrote."""
        with open(path, encoding="utf-8") as file:
            return cls(**json.load(file))


def _columns(records):
    """{"rows": as many ones as records, "columns": {name: (which records have it, their numbers)}}."""
    names = dict.fromkeys(name for record in records for name in record)
    return {"rows": np.ones(len(records), bool), "columns": {
        name: (np.array([name in record for record in records], bool),
               np.array([record[name] for record in records if name in record], np.float64)) for name in names}}


def _records(table):
    """The list of dicts from which `_columns` came."""
    records = [{} for _ in table["rows"]]
    for name, (present, numbers) in table["columns"].items():
        for i, number in zip(np.flatnonzero(present).tolist(), numbers.tolist(), strict=True):
            records[i][name] = number
    return records
