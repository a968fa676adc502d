"""Train a committee on MNIST as Ciresan, Meier and Schmidhuber did in 2012: columns over digits of several widths, distorted anew.

    python examples/train_mnist_committee.py --download                        # 7 widths, 1 column each, 10 epochs
    python examples/train_mnist_committee.py --per-width 5 --epochs 100        # the paper's 35 columns; a day on a CPU
    python examples/train_mnist_committee.py --widths 12 20 0 --epochs 2 --limit 10000    # a first try, a minute or two

Each column is the paper's network (chapter 2, (2.6)) on digits whose ink is brought to one width; 0 stands for the digits as
they are. In every epoch each image is turned, scaled, sheared, shifted and bent at random. What differs from the paper: batches
of 100 with momentum in place of one image at a time, a rate that falls like a cosine, and fewer epochs. The paper reports 0.23 %
for 35 columns.

In the folder of --out: columns.npz (the probabilities of all columns on the test set), results.json, committee.png, errors.png.
"""

import argparse
import json
import os
import platform
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np

import minicnn as mc
from minicnn import data, models, optim, train
from minicnn.backend import Generator, to_numpy
from minicnn.data.transforms import NormalizeWidth, Pad
from minicnn.errors import MinicnnError
from minicnn.inspect import plots
from minicnn.nn import functional as F


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="Data: in MINICNN_DATA, or with --download.")
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 12, 14, 16, 18, 20, 0], metavar="W", help="0: as they are")
    parser.add_argument("--per-width", type=int, default=1, help="columns on each width (1)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--lr", type=float, default=0.03)
    parser.add_argument("--limit", type=int, default=60_000, help="images to train on, the first of the set (60000)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/mnist_committee"), help="folder for what is written")
    parser.add_argument("--download", action="store_true", help="fetch MNIST, 12 MB, if it is not there")
    return parser.parse_args(argv)


def view(images, width):
    """(N, 1, 28, 28) bytes at a width of the ink, on 29 x 29 pixels, as numbers from -1 to 1."""
    images = images if width == 0 else NormalizeWidth(width)(images)
    return Pad((0, 0, 1, 1))(images).astype(np.float32) / 127.5 - 1


def distort(x, rng):
    """Each image of (N, 1, 29, 29) turned by up to 15 degrees, scaled and sheared by up to 15 %, shifted by up to 2 pixels, bent.

    The sampling grid of a random affine map, plus a field of shifts drawn at 5 x 5 points and interpolated in between.
    """
    n, size = len(x), x.shape[2]
    angle, sx, sy, shear = rng.uniform(-1, 1, size=(4, n)) * np.array([[np.pi / 12], [0.15], [0.15], [0.15]])
    theta = np.zeros((n, 2, 3), np.float32)
    theta[:, 0, :2] = np.stack([(1 + sx) * np.cos(angle), shear - np.sin(angle)], axis=1)
    theta[:, 1, :2] = np.stack([np.sin(angle), (1 + sy) * np.cos(angle)], axis=1)
    theta[:, :, 2] = rng.uniform(-4 / size, 4 / size, size=(n, 2))
    bend = mc.from_numpy((0.06 * rng.normal(size=(n, 2, 5, 5))).astype(np.float32)).to(x.device)
    bend = F.interpolate(bend, size=(size, size), mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
    grid = F.affine_grid(mc.from_numpy(theta).to(x.device), x.shape, align_corners=False) + bend
    return F.grid_sample(x + 1, grid, align_corners=False) - 1  # outside lies 0, which is -1 after all


class Distorted:
    """The batches of a loader, each image distorted."""

    def __init__(self, loader, seed):
        self.loader, self.rng = loader, Generator(seed).numpy

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for x, y in self.loader:
            yield distort(x, self.rng), y


def train_column(images, labels, seed, args):
    """One column, trained on these images."""
    mc.manual_seed(seed)
    column = models.mcdnn_column().to(args.device)
    pairs = data.TensorDataset(mc.from_numpy(images).to(args.device), mc.from_numpy(labels).to(args.device))
    batches = Distorted(data.DataLoader(pairs, args.batch_size, shuffle=True, generator=Generator(seed)), seed)
    optimizer = optim.SGD(column.parameters(), lr=args.lr, momentum=0.9)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs * len(batches))
    train.fit(column, batches, optimizer, epochs=args.epochs, scheduler=schedule, schedule_by="step")
    return column.eval()


def probabilities(column, images, device):
    """(N, classes), in batches."""
    with mc.no_grad():
        parts = [F.softmax(column(mc.from_numpy(images[i : i + 500]).to(device)), dim=1) for i in range(0, len(images), 500)]
    return np.concatenate([to_numpy(part.data) for part in parts])


def committees(p, labels):
    """{K: errors in percent of the committees of K columns}; at most 200 for each K."""
    found = {}
    for k in range(1, len(p) + 1):
        chosen = list(zip(range(200), combinations(range(len(p)), k)))
        found[k] = [100 * float((p[list(c)].mean(axis=0).argmax(axis=1) != labels).mean()) for _, c in chosen]
    return found


def draw(found, p, images, labels, out):
    """Error against the number of columns; and the digits that the committee gets wrong."""
    figure, ax = plots.new_figure(width=5, height=3.4)
    for k, errors in found.items():
        ax.scatter([k] * len(errors), errors, s=12, alpha=0.4, color=plots.COLOURS[5])
    ax.plot(list(found), [np.mean(errors) for errors in found.values()], marker="o", label="mean of committees")
    ax.set(xlabel="columns in the committee", ylabel="test error in %", title="MNIST", xticks=list(found))
    ax.legend(frameon=False)
    figure.savefig(out / "committee.png", dpi=120)
    decision = p.mean(axis=0).argmax(axis=1)
    wrong = np.flatnonzero(decision != labels)[:48]
    if len(wrong):
        titles = [f"{labels[i]}, not {decision[i]}" for i in wrong]
        plots.images(images[wrong] / 255, titles=titles, title="What the committee gets wrong: truth, decision").savefig(
            out / "errors.png", dpi=120)


def main(argv=None):
    args = parse(argv)
    train_set, test_set = (data.MNIST(train=part, download=args.download) for part in (True, False))
    images, labels = train_set.data[: args.limit], np.asarray(train_set.targets[: args.limit])
    truth, start, p, names = np.asarray(test_set.targets), time.perf_counter(), [], []
    args.out.mkdir(parents=True, exist_ok=True)
    for width in args.widths:
        seen, asked = view(images, width), view(test_set.data, width)
        for i in range(args.per_width):
            column = train_column(seen, labels, 1000 * args.seed + 10 * width + i, args)
            p.append(probabilities(column, asked, args.device))
            names.append(f"width {width or 'as it is'}, column {i + 1}")
            together = (np.mean(p, axis=0).argmax(axis=1) != truth).mean()
            alone = (p[-1].argmax(axis=1) != truth).mean()
            print(f"{names[-1]}: test error {alone:.2%}; all {len(p)} so far {together:.2%}", flush=True)
    p, minutes = np.array(p), (time.perf_counter() - start) / 60
    found = committees(p, truth)
    np.savez_compressed(args.out / "columns.npz", probabilities=p, labels=truth)
    by_size, single, committee = {k: float(np.mean(e)) for k, e in found.items()}, found[1], found[len(p)][0]
    record = {"columns": dict(zip(names, single)), "committee": committee, "mean_by_size": by_size, "images": len(images),
              "epochs": args.epochs, "minutes": minutes}
    (args.out / "results.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    draw(found, p, test_set.data, truth, args.out)
    print(f"{len(p)} columns, {len(images):,} images, {args.epochs} epochs, {minutes:.1f} min on {args.device} "
          f"({platform.machine()}, {os.cpu_count()} cores): single columns {min(single):.2f} to {max(single):.2f} %, "
          f"mean {by_size[1]:.2f} %, committee {committee:.2f} % test error")


if __name__ == "__main__":
    try:
        main()
    except MinicnnError as error:
        sys.exit(f"train_mnist_committee.py: {error}")
