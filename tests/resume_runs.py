"""Training runs for tests/train/test_checkpoint.py, which stop in one process and go on in another:

    python resume_runs.py FOLDER RUN...

goes on with the runs whose checkpoints lie in FOLDER/RUN, and writes FOLDER/RUN.npz with the weights they end with.
"""

import sys
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn import nn, optim, train
from minicnn.backend import Generator
from minicnn.data import DataLoader, TensorDataset
from minicnn.data import transforms as T
from minicnn.data.collate import default_collate
from minicnn.data.dataset import Dataset
from minicnn.optim import lr_scheduler as schedules

EPOCHS, SAMPLES, BATCH = 10, 22, 4  # the last batch is a short one
STEPS = -(-SAMPLES // BATCH)


class Pictures(Dataset):
    """Random pictures of three classes, augmented at random."""

    augment = T.Compose([T.RandomCrop(8, padding=1), T.RandomHorizontalFlip(), T.ToDtype(scale=True),
                         T.RandomErasing(value="random")])

    def __init__(self):
        self.images = np.random.default_rng(5).integers(0, 256, (SAMPLES, 3, 8, 8)).astype(np.uint8)

    def __len__(self):
        return SAMPLES

    def __getitem__(self, i):
        return self.augment(self.images[i]), i % 3


def mixed(samples):
    return T.MixUp(0.5, num_classes=3)(*default_collate(samples))


class Noise(nn.Module):
    """Adds noise from a stream of its own."""

    def __init__(self):
        super().__init__()
        self.stream = Generator(11)

    def forward(self, x):
        return x + mc.tensor(self.stream.normal(x.shape, std=0.1)) if self.training else x


def plain(n=SAMPLES, seed=2):
    rng = np.random.default_rng(seed)
    return TensorDataset(rng.normal(size=(n, 3, 8, 8)).astype(np.float32), np.arange(n) % 3)


def net(*extra):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), *extra, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))


def sgd():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)
    return {"model": model, "optimizer": optimizer, "scheduler": schedules.MultiStepLR(optimizer, [3, 7]),
            "loader": DataLoader(plain(), BATCH, shuffle=True)}


def adam_dropout_one_cycle_prefetch():
    model = net(nn.Dropout(0.3))
    optimizer = optim.Adam(model.parameters(), lr=1e-2, amsgrad=True)
    return {"model": model, "optimizer": optimizer, "schedule_by": "step", "max_norm": 1.0,
            "scheduler": schedules.OneCycleLR(optimizer, 1e-2, EPOCHS * STEPS),
            "loader": DataLoader(plain(), BATCH, shuffle=True, num_workers=2),
            "validate": DataLoader(plain(9, seed=3), BATCH, shuffle=True)}


def adamw_augmentation_own_streams():
    model = net(nn.Dropout2d(0.2), Noise())
    optimizer = optim.AdamW([{"params": model[0].parameters(), "lr": 1e-3}, {"params": model[-1].parameters()}], lr=1e-2)
    return {"model": model, "optimizer": optimizer, "scheduler": schedules.CosineAnnealingLR(optimizer, EPOCHS),
            "loader": DataLoader(Pictures(), BATCH, shuffle=True, num_workers=3, generator=Generator(8)),
            "validate": DataLoader(plain(9, seed=3), BATCH, shuffle=True, generator=Generator(9))}


def rmsprop_warmup_mixup():
    model = net(nn.Dropout(0.1))
    optimizer = optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.5, centered=True)
    warm, then = schedules.LinearLR(optimizer, 0.1, total_iters=15), schedules.ExponentialLR(optimizer, 0.95)
    return {"model": model, "optimizer": optimizer, "schedule_by": "step",
            "scheduler": schedules.SequentialLR(optimizer, [warm, then], [15]),
            "loader": DataLoader(Pictures(), BATCH, shuffle=True, num_workers=1, collate_fn=mixed)}


RUNS = {f.__name__: f for f in (sgd, adam_dropout_one_cycle_prefetch, adamw_augmentation_own_streams, rmsprop_warmup_mixup)}


class Stop(Exception):
    """Ends a run as a crash would."""


def stopping(after):
    """The loss function of a run that crashes after so many steps."""
    steps = [0]

    def loss(output, target):
        steps[0] += mc.is_grad_enabled()  # not when it evaluates
        if steps[0] > after:
            raise Stop
        return nn.functional.cross_entropy(output, target)
    return loss


def start(name):
    """What fit needs for a run, from its beginning."""
    mc.manual_seed(7)
    return RUNS[name]()


def go_on(name, folder):
    """The rest of a run; returns its model. Everything is built anew, and the default stream is anywhere."""
    run = start(name)
    mc.manual_seed(1234)
    train.fit(**run, epochs=EPOCHS, checkpoint=train.Checkpoint(folder), resume=True, progress=False)
    return run["model"]


if __name__ == "__main__":
    for run in sys.argv[2:]:
        mc.save(go_on(run.partition("-")[0], Path(sys.argv[1]) / run), Path(sys.argv[1]) / f"{run}.npz")
