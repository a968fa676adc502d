"""Training loops, what they record, and checkpoints to go on from."""

from .checkpoint import load_checkpoint, save_checkpoint
from .fit import evaluate, fit
from .history import History
from .keeper import Checkpoint

__all__ = ["evaluate", "fit", "History", "Checkpoint", "load_checkpoint", "save_checkpoint"]
