"""A training run that is killed again and again, for tests/train/test_checkpoint.py:

    python kill_runs.py FOLDER TIMES

Each life is a forked process that goes on from the newest checkpoint and is killed with SIGKILL at a random moment: after so many
steps and so many thousandths of a second. Prints
what was found after each, and whether the run, once it is left in peace, ends as one that was never killed.
"""

import json
import mmap
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn import nn, optim, train
from minicnn.data import DataLoader, TensorDataset

EVERY = 3


class Counted(optim.Adam):
    """Adam that notes each step it has taken where another process sees it."""

    def __init__(self, params, shared):
        super().__init__(params, lr=1e-3)
        self.shared = shared

    def step(self, closure=None):
        super().step(closure)
        self.shared[:8] = (int.from_bytes(self.shared[:8], "little") + 1).to_bytes(8, "little")


def build(shared):
    mc.manual_seed(5)
    model = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Dropout(0.2), nn.Linear(40, 3))
    optimizer = Counted(model.parameters(), shared)
    rng = np.random.default_rng(0)
    data = TensorDataset(rng.normal(size=(40, 6)).astype(np.float32), np.arange(40) % 3)
    return {"model": model, "optimizer": optimizer, "scheduler": optim.lr_scheduler.ExponentialLR(optimizer, 0.999),
            "loader": DataLoader(data, 4, shuffle=True, num_workers=1)}


def live(folder, shared, epochs):
    """Go on from the newest checkpoint."""
    run, checkpoint = build(shared), train.Checkpoint(folder, every=EVERY, keep=2)
    train.fit(**run, epochs=epochs, progress=False, checkpoint=checkpoint, resume=True)
    return run["model"]


def killed(folder, shared, steps, seconds):
    """One life, and what it left."""
    latest = train.Checkpoint(folder).latest()
    start = 0 if latest is None else int(latest.name[4:12])
    shared[:8] = start.to_bytes(8, "little")
    child = os.fork()
    if child == 0:
        live(folder, shared, 100_000)
        os._exit(1)  # nobody lives that long
    while int.from_bytes(shared[:8], "little") < start + steps:
        time.sleep(0.0002)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    fresh, history = build(shared), train.History()
    latest = train.Checkpoint(folder).latest()
    if latest is not None:
        train.load_checkpoint(latest, **fresh, history=history)  # raises if it is not whole
    return {"taken": int.from_bytes(shared[:8], "little"), "saved": len(history.steps),
            "in the middle of a save": bool(clear(folder))}


def clear(folder):
    """Remove and count the partial files."""
    left = list(folder.glob(".*.part"))
    for path in left:
        path.unlink()
    return len(left)


def main(folder, times):
    moments, shared = random.Random(int(time.time())), mmap.mmap(-1, 8)
    lives = [killed(folder, shared, moments.randint(0, 12), moments.uniform(0, 0.006)) for _ in range(times)]
    epochs = lives[-1]["saved"] // 10 + 2
    model = live(folder, shared, epochs)
    whole = build(mmap.mmap(-1, 8))
    train.fit(**whole, epochs=epochs, progress=False)
    same = all(a.numpy().tobytes() == b.numpy().tobytes()
               for a, b in zip(model.state_dict().values(), whole["model"].state_dict().values(), strict=True))
    print(json.dumps({"every": EVERY, "lives": lives, "same as without": same, "partial files left": clear(folder)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
