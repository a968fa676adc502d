"""Long runs: nothing piles up over 20,000 steps, an error in a loader's thread reaches the caller, Ctrl-C ends a process
with a checkpoint, and no thread stays behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn, optim, train
from minicnn.data import DataLoader, TensorDataset
from minicnn.data.dataset import Dataset
from minicnn.train import Checkpoint, History

ROOT = Path(__file__).parents[2]


def batches(n, seed=0):
    rng = np.random.default_rng(seed)
    return TensorDataset(rng.normal(size=(n, 4)).astype(np.float32), rng.integers(0, 3, n))


def net():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))


def loader_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("minicnn-loader")]


LONG = """
import gc, json, os, sys
from pathlib import Path
import numpy as np
from minicnn import nn, optim, train
from minicnn.data import DataLoader, TensorDataset

thousands, leak = int(sys.argv[1]), int(sys.argv[2])
kept, seen = [], []
rng = np.random.default_rng(0)
data = TensorDataset(rng.normal(size=(4000, 4)).astype(np.float32), rng.integers(0, 3, 4000))
few = TensorDataset(data.tensors[0][:40], data.tensors[1][:40])

class NoHistory(train.History):  # its own growth is not the loop's
    def add_step(self, **numbers):
        self.steps[:] = [numbers]
        if leak:
            kept.append(bytearray(leak))

def measure(epoch, history):
    gc.collect()
    seen.append((int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"), len(gc.get_objects())))

model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.1))
optimizer = optim.Adam(model.parameters(), lr=1e-3)
train.fit(model, DataLoader(data, 4, shuffle=True), optimizer, epochs=thousands, history=NoHistory(), progress=False,
          scheduler=optim.lr_scheduler.ExponentialLR(optimizer, 0.9999), schedule_by="step",
          validate=DataLoader(few, 20, num_workers=1), on_epoch=measure)
print(json.dumps(seen))
"""


def measured(thousands, leak):
    """[(bytes of memory, objects)] after each thousand steps, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", LONG, str(thousands), str(leak)], env={**os.environ, "PYTHONPATH": str(ROOT)},
                          stdout=subprocess.PIPE, check=True, timeout=280)
    return np.array(json.loads(done.stdout))[2:]  # the first 2,000 steps fill caches


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.timeout(300)
def test_twenty_thousand_steps_keep_memory_within_two_per_cent():
    """By fit, with dropout, a schedule for each step and evaluations by a threaded loader."""
    found = measured(20, leak=0)
    assert len(found) == 18
    sizes, objects = found.T
    assert sizes.max() <= 1.02 * sizes.min() and objects.max() <= 1.002 * objects.min()
    leaking, _ = measured(5, leak=1000).T  # the measure sees one kB a step, over 2,000 steps
    assert leaking.max() > 1.02 * leaking.min()


class Broken(Dataset):
    """Sample 37 cannot be read."""

    def __len__(self):
        return 64

    def __getitem__(self, index):
        if index == 37:
            raise RuntimeError("picture 37 is broken")
        return np.full(4, index, np.float32), index % 3


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_in_a_loader_s_thread_reaches_fit_s_caller(tmp_path, workers):
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="picture 37 is broken") as caught:
        train.fit(model, DataLoader(Broken(), 4, num_workers=workers), optimizer, epochs=2, progress=False,
                  checkpoint=Checkpoint(tmp_path, every=4))
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise RuntimeError("picture 37 is broken")' in text and "in __getitem__" in text  # the line in the thread
    assert "while loading sample 37, number 1 of batch 9" in text
    assert loader_threads() == []
    assert Checkpoint(tmp_path).latest().name == "step00000008.safetensors"  # what was trained before it is safe


@pytest.mark.parametrize("end", ["well", "stopped", "a loss that is not finite", "Ctrl-C", "an error in evaluation"])
def test_no_thread_of_a_loader_outlives_fit(end):
    model, steps = net(), [0]
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def loss(output, target):
        steps[0] += 1
        if steps[0] == 5 and end == "Ctrl-C":
            raise KeyboardInterrupt
        if steps[0] == 5 and end == "a loss that is not finite":
            return output.sum() * float("inf")
        if not mc.is_grad_enabled() and end == "an error in evaluation":
            raise ZeroDivisionError
        return nn.functional.cross_entropy(output, target)

    options = {"validate": DataLoader(batches(40), 4, num_workers=2), "on_epoch": lambda epoch, h: end == "stopped"}
    try:
        train.fit(model, DataLoader(batches(200), 4, num_workers=3), optimizer, loss=loss, epochs=2, progress=False, **options)
        assert end in ("well", "stopped")
    except (KeyboardInterrupt, mc.AnomalyError, ZeroDivisionError):
        assert end not in ("well", "stopped")
    assert loader_threads() == []


PROGRAM = """
import sys
import numpy as np
from minicnn import nn, optim, train
from minicnn.data import DataLoader, TensorDataset

model = nn.Linear(4, 3)
data = TensorDataset(np.random.default_rng(0).normal(size=(400, 4)).astype("f"), np.arange(400) % 3)
def loss(output, target, steps=[0]):
    steps[0] += 1
    if steps[0] == 20:
        print("running", flush=True)
    return nn.functional.cross_entropy(output, target)
train.fit(model, DataLoader(data, 4, shuffle=True, num_workers=2), optim.SGD(model.parameters(), lr=0.1), loss=loss,
          epochs=100_000, progress=False, checkpoint=train.Checkpoint(sys.argv[1]))
"""


def test_ctrl_c_ends_a_process_with_a_checkpoint(tmp_path):
    """A real signal to a real process: it ends by it, says where it saved, and what it saved can be read."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, tmp_path], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt: fit: stopped after step" in error
    latest, history = Checkpoint(tmp_path).latest(), History()
    assert str(latest) in error
    train.load_checkpoint(latest, model=nn.Linear(4, 3), history=history)
    assert f"stopped after step {len(history.steps)};" in error and len(history.steps) >= 20
