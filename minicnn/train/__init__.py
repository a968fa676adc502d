"""Training loops and what they record."""

from .fit import evaluate, fit
from .history import History

__all__ = ["evaluate", "fit", "History"]
