"""The `minicnn` command: lessons, lesson N, check N, homework N, summary MODEL, data NAME.

Exit codes: 0 well, 1 minicnn refused something, 2 the command line was wrong; a lesson's own code is passed on.
"""

import argparse
import difflib
import importlib
import shutil
import signal
import subprocess
import sys
import textwrap
from inspect import signature
from pathlib import Path

from . import data
from ._version import __version__
from .errors import DataError, InputError, MinicnnError
from .inspect import summary
from .models import list_models, model_info
from .teaching import grader
from .teaching.chapters import CHAPTERS, find_chapter, lessons_folder

__all__ = ["main"]


def main(argv=None):
    """Run one command; returns the exit code."""
    args = make_parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except MinicnnError as error:
        print(f"minicnn: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def make_parser():
    """The parser; each command says in `run` which function does it."""
    parser = argparse.ArgumentParser(prog="minicnn", description="Deep learning from scratch: 31 papers to run and read.")
    parser.add_argument("--version", action="version", version=f"minicnn {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)

    command = commands.add_parser("lessons", help="the chapters: what you will see, and which are ready")
    command.set_defaults(run=run_lessons)

    command = commands.add_parser("lesson", help="run a lesson: minicnn lesson 1 --quick")
    command.add_argument("number", type=int, help="1 to 31, see `minicnn lessons`")
    command.add_argument("options", nargs=argparse.REMAINDER, help="passed on to the lesson; --help shows what it takes")
    command.set_defaults(run=run_lesson)

    command = commands.add_parser("check", help="grade homework: minicnn check 8 --hand-in my_exercise.py")
    command.add_argument("number", type=int, help="the chapter")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--hand-in", type=Path, metavar="FILE", help="the file to grade (default: the chapter's exercise.py)")
    which.add_argument("--class", type=Path, dest="class_folder", metavar="FOLDER", help="grade every .py file of a folder")
    command.add_argument("--csv", type=Path, metavar="FILE", help="also write a table, a row for each check")
    command.add_argument("--json", type=Path, metavar="FILE", help="also write points and checks as JSON")
    command.set_defaults(run=run_check)

    command = commands.add_parser("homework", help="copy a chapter's homework into a folder of its own")
    command.add_argument("number", type=int, help="the chapter")
    command.add_argument("--to", type=Path, required=True, metavar="DIR", help="where its folder goes")
    command.set_defaults(run=run_homework)

    command = commands.add_parser("summary", help="layers, output shapes, parameters, multiply-adds of a model")
    command.add_argument("model", help="a factory of minicnn.models, such as lenet5, or your own as module:name")
    command.add_argument("--input", type=parse_size, metavar="CxHxW",
                         help="size of one example (default: the model's own, else 3x224x224)")
    command.set_defaults(run=run_summary)

    command = commands.add_parser("data", help="look at a data set, or fetch it")
    command.add_argument("name", help="such as Digits or MNIST")
    command.add_argument("--download", action="store_true", help="fetch it if it is not there")
    command.set_defaults(run=run_data)
    return parser


# ------------------------------------------------------------------------------------------------------------- lessons


def run_lessons(args):
    """Print the table of chapters."""
    try:
        folder = lessons_folder()
    except DataError as error:
        folder, note = None, f"None can be run from here: {error}."
    else:
        note = "Run one with: minicnn lesson NUMBER"
    ready = [folder is not None and chapter.lesson(folder).is_file() for chapter in CHAPTERS]
    print(format_lessons(ready, min(shutil.get_terminal_size().columns, 140)))
    print(f"\n{sum(ready)} of {len(CHAPTERS)} are ready (*); min: minutes to read and run, roughly. {note}")


def format_lessons(ready, width):
    """The table of chapters; what does not fit beside the other columns goes on below."""
    title = max(len(chapter.title) for chapter in CHAPTERS)
    room = max(width - title - 16, 30)
    lines = [f"{'':2} no  {'title':<{title}}  {'what you will see':<{room}}  min"]
    for chapter, there in zip(CHAPTERS, ready):
        first, *more = textwrap.wrap(chapter.shows, room)
        lines.append(f"{'*' if there else '':2} {chapter.number:2}  {chapter.title:<{title}}  {first:<{room}}  {chapter.minutes:3}")
        lines += [f"{'':{title + 9}}{line}" for line in more]
    return "\n".join(lines)


def run_lesson(args):
    """Run a lesson in a process of its own, with the options that follow its number."""
    chapter = find_chapter(args.number)
    path = chapter.lesson(lessons_folder())
    if not path.is_file():
        raise DataError(f"chapter {chapter.number}, {chapter.title}, is not written yet: there is no {path}. "
                        "`minicnn lessons` shows which are ready")
    code = subprocess.run([sys.executable, str(path), *args.options], check=False).returncode
    return code if code >= 0 else 128 - code  # ended by a signal: the shell's way to say which


# ------------------------------------------------------------------------------------------------------------ homework


def chapter_folder(number):
    """(chapter, its folder of lessons)."""
    chapter = find_chapter(number)
    return chapter, lessons_folder() / chapter.name


def run_check(args):
    """Grade one hand-in and print the report, or a whole class."""
    chapter, folder = chapter_folder(args.number)
    homework = grader.load_homework(folder)
    if args.class_folder is None:
        files = [args.hand_in or folder / "exercise.py"]
    else:
        files = sorted(args.class_folder.glob("*.py"))
        if not files:
            raise DataError(f"there are no .py files in {args.class_folder}")
    graded = {}
    for file in files:
        with grader.sandboxed(file) as hand_in:
            graded[file.stem] = [grader.grade(homework, hand_in, check) for check in homework.checks]
        print(grader.format_report(chapter, file.name, graded[file.stem]) + "\n")
    if args.csv:
        grader.write_csv(args.csv, graded)
    if args.json:
        grader.write_json(args.json, graded)
    complete = all(result.status == "passed" for results in graded.values() for result in results)
    return 0 if complete or args.class_folder is not None else 1


def run_homework(args):
    """Copy exercise, checks, packed answers and the note into a folder that works on its own."""
    chapter, folder = chapter_folder(args.number)
    target = args.to / chapter.name
    if (target / "exercise.py").exists():
        raise DataError(f"{target / 'exercise.py'} is there already; remove it, or choose another folder with --to")
    grader.copy_homework(folder, target)
    print(f"Write {target / 'exercise.py'}; grade it with\n    pytest {target}")


# ------------------------------------------------------------------------------------------------------------- summary


def parse_size(text):
    """'3x224x224' as (3, 224, 224)."""
    try:
        size = tuple(int(n) for n in text.lower().split("x"))
    except ValueError:
        size = ()
    if not size or min(size) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 3x224x224")
    return size


def run_summary(args):
    """Print the tree of a model's layers."""
    factory = find_factory(args.model)
    own = model_info(args.model).input_size if args.model in list_models() else (3, 224, 224)
    print(summary(factory(), args.input or own))


def find_factory(name):
    """The function or class that makes a model: 'lenet5' from minicnn.models, 'package.module:name' from anywhere."""
    place, _, attribute = name.rpartition(":")
    if not place:
        if name not in list_models():
            raise InputError("summary", "MODEL", "one of minicnn.models.list_models(), or module:name", repr(name),
                             suggestion(name, list_models()))
        return model_info(name).factory
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does: a file in the current folder counts
    module = import_or_none(place)
    factory = getattr(module, attribute, None)
    if not callable(factory):
        known = [] if module is None else getattr(module, "__all__", [n for n in vars(module) if n[0] != "_"])
        what = f"a name in {place}" if module else f"a model; there is no module {place}"
        raise InputError("summary", "MODEL", what, repr(name), suggestion(attribute, known))
    return factory


def import_or_none(name):
    """The module, or None where there is none; an error inside it is its own."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise
        return None


def suggestion(name, known):
    """The hint of an error about a name: the close ones, else all."""
    spelled = {k.lower(): k for k in known}
    close = difflib.get_close_matches(name.lower(), spelled, n=3)
    shown = [spelled[k] for k in close] or list(known)
    return ("Did you mean " if close else "There are ") + ", ".join(shown) if shown else ""


# ---------------------------------------------------------------------------------------------------------------- data


def run_data(args):
    """Print what is in a data set, its parts one a line."""
    dataset = find_dataset(args.name)
    accepted = signature(dataset).parameters
    if args.download and "download" not in accepted:
        print(f"{dataset.__name__} comes with minicnn: nothing to download")
    options = {"download": args.download} if "download" in accepted else {}
    parts = {"all": {}}
    if "train" in accepted:
        parts = {"training": {"train": True}, "test": {"train": False}}
    elif "split" in accepted:
        parts = {"training": {"split": "train"}, "test": {"split": "test"}}
    for part, which in parts.items():
        samples = dataset(**which, **options)
        print(f"{dataset.__name__}, {part}: {len(samples):,} samples; the first is {describe(samples[0])}")


def find_dataset(name):
    """A data set class of minicnn.data by its name, whatever the case of its letters."""
    containers = (data.Dataset, data.TensorDataset, data.Subset, data.ConcatDataset, data.ImageDataset)
    sets = {n.lower(): getattr(data, n) for n in data.__all__}
    sets = {n: s for n, s in sets.items() if isinstance(s, type) and issubclass(s, data.Dataset) and s not in containers}
    if name.lower() not in sets:
        hint = suggestion(name, [s.__name__ for s in sets.values()])
        raise InputError("data", "NAME", "a data set of minicnn.data", repr(name), hint)
    return sets[name.lower()]


def describe(sample):
    """A sample in words: (8x8 float32, 5)."""
    if isinstance(sample, (tuple, list)):
        return "(" + ", ".join(map(describe, sample)) + ")"
    shape = getattr(sample, "shape", ())
    return f"{'x'.join(map(str, shape))} {sample.dtype}" if shape else str(sample)


if __name__ == "__main__":
    sys.exit(main())
