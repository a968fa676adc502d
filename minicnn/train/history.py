"""History: what a training run measured, step by step and epoch by epoch, as plain numbers that JSON can carry."""

import json

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

    def to_json(self, path):
        """Write to a file."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.to_dict(), file)

    @classmethod
    def from_json(cls, path):
        """Read what to_json wrote."""
        with open(path, encoding="utf-8") as file:
            return cls(**json.load(file))
