"""What every lesson needs: options of the command line, a place for figures, data in batches, the table of claims."""

import argparse
import os
import sys
import time
from pathlib import Path

from .. import data
from ..backend import Generator, manual_seed
from ..create import from_numpy
from ..errors import InputError
from .chapters import find_chapter

__all__ = ["Lesson"]


class Lesson:
    """The frame of a lesson: `lesson = Lesson(8)` reads the options and seeds the library's generator.

    Options: --quick (a few seconds: less data, fewer steps; what is then asserted is less), --data NAME (one of `sets`, the
    first is the default), --device, --seed, --figures DIR. In a notebook all have their defaults.
    After it: lesson.quick, lesson.data, lesson.device, lesson.seed.
    """

    def __init__(self, chapter, sets=("digits",), argv=None):
        self.chapter = find_chapter(chapter)
        parser = argparse.ArgumentParser(prog=f"minicnn lesson {chapter}", description=f"Chapter {chapter}: {self.chapter.title}. "
                                         f"{self.chapter.paper}.")
        parser.add_argument("--quick", action="store_true", help="a few seconds: less data, fewer steps")
        parser.add_argument("--data", default=sets[0], choices=sets, help=f"what to train on ({sets[0]})")
        parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
        parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
        parser.add_argument("--figures", type=Path, default=Path("figures"), metavar="DIR", help="where pictures go (figures)")
        if argv is None:
            argv = [] if "ipykernel" in sys.modules else sys.argv[1:]  # a notebook's own arguments are none of ours
        options = parser.parse_args(argv)
        self.quick, self.data, self.device, self.seed = options.quick, options.data, options.device, options.seed
        self.figures = options.figures / self.chapter.name
        self.rng = Generator(self.seed).numpy  # a NumPy generator, for what the lesson itself draws
        self._claims, self._start = [], time.perf_counter()
        manual_seed(self.seed)

    def pick(self, full, quick):
        """`full`, or `quick` under --quick."""
        return quick if self.quick else full

    # ---------------------------------------------------------------------------------------------------------- data

    def arrays(self, train, limit=None):
        """(images, labels) of the chosen set as tensors on the device; a fixed random `limit` of them if given."""
        x, y = dataset(self.data, train).arrays()
        if limit is not None and limit < len(x):
            chosen = Generator(0).numpy.permutation(len(x))[:limit]
            x, y = x[chosen], y[chosen]
        return from_numpy(x).to(self.device), from_numpy(y).to(self.device)

    def loaders(self, batch_size=32, limit=None):
        """(training batches, shuffled; test batches) of the chosen set."""
        train, test = (data.TensorDataset(*self.arrays(part, limit)) for part in (True, False))
        return (data.DataLoader(train, batch_size, shuffle=True, generator=Generator(self.seed)), data.DataLoader(test, 500))

    # -------------------------------------------------------------------------------------------------------- output

    def save(self, figure, name):
        """Write a figure as PNG and say where; in a notebook, show it."""
        self.figures.mkdir(parents=True, exist_ok=True)
        path = self.figures / f"{name}.png"
        figure.savefig(path, dpi=120, bbox_inches="tight")
        if "ipykernel" in sys.modules:
            from IPython.display import Image, display

            display(Image(filename=str(path)))
        else:
            print(f"picture: {os.path.relpath(path) if path.is_relative_to(Path.cwd()) else path}")
        return path

    def claim(self, what, printed, measured, held):
        """Note one line of the closing table: what is claimed, what the source says, what came out here, whether it held."""
        if not isinstance(what, str) or not what:
            raise InputError("Lesson.claim", "what", "a sentence", repr(what))
        self._claims.append((what, str(printed), str(measured), "held" if held else "DID NOT HOLD"))

    def close(self):
        """Print the table of claims and the time taken. Returns True if every claim held."""
        head = ("claim", "the source says", "measured here", "")
        rows = [head, *self._claims]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        print("\n" + lines[0] + "\n" + "-" * (sum(widths) + 6))
        print("\n".join(lines[1:]))
        print(f"\nChapter {self.chapter.number} took {time.perf_counter() - self._start:.0f} s"
              + (" (--quick)." if self.quick else "."))
        return all(row[3] == "held" for row in self._claims)


EMBEDDED = {"digits": "Digits", "glyphs": "Glyphs", "shapes": "Shapes"}
DOWNLOADED = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST", "cifar10": "CIFAR10"}


def dataset(name, train):
    """One part of a set by its name on the command line; the large real ones are fetched where they are missing."""
    if name in EMBEDDED:
        return getattr(data, EMBEDDED[name])(train=train)
    if name in DOWNLOADED:
        return getattr(data, DOWNLOADED[name])(train=train, download=True)
    raise InputError("Lesson", "data", "one of " + ", ".join([*EMBEDDED, *DOWNLOADED]), repr(name))
