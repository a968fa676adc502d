"""Train ResNet-20 on CIFAR-10 as in the paper that introduced it (He et al. 2015, section 4.2).

    python examples/train_cifar10.py --download --epochs 182        # the paper's 64,000 steps; hours on a CPU
    python examples/train_cifar10.py --epochs 5 --device cuda       # the same schedule, squeezed into five epochs
    python examples/train_cifar10.py --model resnet56 --shortcut none     # plain-56
    python examples/train_cifar10.py --resume                      # go on after Ctrl-C, a crash, a power cut
    python examples/train_cifar10.py --evaluate runs/cifar10/best.safetensors

The recipe: the mean picture subtracted; 4 pixels of zeros on each side, a random 32x32 crop, a random mirror image; SGD with
momentum 0.9 and weight decay 1e-4, batches of 128; the rate 0.1, divided by ten at half and at three quarters of all steps,
(12.15). ResNet-110 and deeper begin at a tenth of that for 400 steps. The paper trains on 45,000 images and reports 8.75 %
test error for ResNet-20, 7.51, 7.17, 6.97 for 32, 44, 56, and 6.43 for 110.

In the folder of --out, after each epoch: best.safetensors (the weights), history.json, history.png, and in checkpoints/ all that
--resume needs to end with the same numbers as a run without a break.
"""

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn import data, models, nn, optim, train
from minicnn.backend import Generator
from minicnn.data import transforms
from minicnn.errors import MinicnnError
from minicnn.inspect import plots


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="Data: in MINICNN_DATA, or with --download.")
    parser.add_argument("--model", default="resnet20", choices=[f"resnet{depth}" for depth in (20, 32, 44, 56, 110, 1202)])
    parser.add_argument("--shortcut", default="A", choices=["A", "B", "C", "none"], help="none: the plain network (A)")
    parser.add_argument("--epochs", type=int, default=182, help="of which the schedule takes its half and its three quarters (182)")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--limit", type=int, default=45_000, help="images to train on, the first of the set (45000)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--workers", type=int, default=2, help="threads that load images (2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/cifar10"), help="folder for what is written (runs/cifar10)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--download", action="store_true", help="fetch CIFAR-10, 170 MB, if it is not there")
    parser.add_argument("--evaluate", type=Path, metavar="FILE", help="only test the weights in a file")
    return parser.parse_args(argv)


class MinusMean:
    """image - mean picture, both from 0 to 1."""

    def __init__(self, mean):
        self.mean = mean

    def __call__(self, image):
        return image / np.float32(255) - self.mean


def loaders(args):
    """(training batches, augmented; test batches) of CIFAR-10."""
    train_set, test_set = data.CIFAR10(train=True, download=args.download), data.CIFAR10(train=False, download=args.download)
    chosen = train_set.data[: args.limit]
    minus_mean = MinusMean((chosen.mean(axis=0, dtype=np.float64) / 255).astype(np.float32))
    train_set.transform = transforms.Compose([minus_mean, transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()])
    test_set.transform = minus_mean
    train_set = data.Subset(train_set, range(len(chosen)))
    options = {"num_workers": args.workers, "device": args.device}
    return (data.DataLoader(train_set, args.batch_size, shuffle=True, generator=Generator(args.seed), **options),
            data.DataLoader(test_set, 500, **options))


def rate(steps, warmup):
    """The factor of the learning rate at step t of `steps`: 1, from the half 1/10, from three quarters 1/100; warm-up first."""
    def factor(t):
        return 0.1 if t < warmup else 1.0 if 2 * t < steps else 0.1 if 4 * t < 3 * steps else 0.01
    return factor


def plot(history, path, title):
    """Training and test error of each epoch, in per cent, as in the paper's figure 6."""
    epochs = np.arange(1, len(history.epochs) + 1)
    errors = {part: (epochs, 100 * (1 - np.array(history.series(f"{part}_accuracy")))) for part in ("test", "train")}
    figure = plots.curves(errors, xlabel="epoch", ylabel="error in %", title=title)
    figure.axes[0].set_ylim(bottom=0)
    figure.savefig(path, dpi=120)


def train_model(model, args):
    """Train by the recipe and write the results after each epoch; returns the History."""
    batches, test_batches = loaders(args)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    depth = int(args.model.removeprefix("resnet"))
    schedule = optim.lr_scheduler.LambdaLR(optimizer, rate(args.epochs * len(batches), warmup=400 if depth >= 110 else 0))
    args.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()

    def after_epoch(epoch, history):
        *before, accuracy = history.series("test_accuracy")
        if accuracy > max(before, default=-1):
            mc.save(model, args.out / "best.safetensors")
        history.to_json(args.out / "history.json")
        plot(history, args.out / "history.png", f"{args.model}, shortcut {args.shortcut}, CIFAR-10")

    history = train.fit(model, batches, optimizer, epochs=args.epochs, scheduler=schedule, schedule_by="step",
                        validate=test_batches, on_epoch=after_epoch, resume=args.resume,
                        checkpoint=train.Checkpoint(args.out / "checkpoints", best="test_accuracy"))
    minutes = (time.perf_counter() - start) / 60
    print(f"{args.model}, {mc.inspect.count_parameters(model):,} weights, {len(batches.dataset):,} images, {args.epochs} epochs in "
          f"{minutes:.1f} min on {args.device} ({platform.machine()}, {os.cpu_count()} cores): "
          f"test error {1 - history.epochs[-1]['test_accuracy']:.2%}, best {1 - max(history.series('test_accuracy')):.2%}")
    return history


def main(argv=None):
    args = parse(argv)
    mc.manual_seed(args.seed)
    model = models.get_model(args.model, shortcut=args.shortcut)
    if args.evaluate:
        model.load_state_dict(mc.load(args.evaluate))
        loss, accuracy = train.evaluate(model.to(args.device), loaders(args)[1], nn.CrossEntropyLoss())
        print(f"{args.evaluate}: test error {1 - accuracy:.2%}, loss {loss:.4f}")
        return
    train_model(model.to(args.device), args)


if __name__ == "__main__":
    try:
        main()
    except MinicnnError as error:
        sys.exit(f"train_cifar10.py: {error}")
    except KeyboardInterrupt as stop:
        print(f"train_cifar10.py: {stop or 'stopped'}", file=sys.stderr)
        sys.exit(130)
