"""Checkpoints: everything a run depends on in one file, so that going on from it gives the same numbers, bit for bit.

What must be saved, and what happens without it: the weights and running averages; the optimizer's memory (Adam without
its averages starts with steps of the wrong size); the schedule's counter; where the loader is in the epoch and which order
it follows; every random stream (else dropout, augmentation and shuffling draw other numbers); the history.
"""

import json
from contextlib import contextmanager

from ..backend import Generator, default_generator
from ..errors import DataError, InputError, MinicnnError
from ..files import Replacement
from ..nn import Module
from ..optim import Optimizer
from ..weights import safetensors
from .tree import flatten, unflatten

__all__ = ["save_checkpoint", "load_checkpoint"]

FORMAT = "minicnn checkpoint 1"  # the one key of the metadata, so that equal runs write equal files
DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError, MinicnnError)


def save_checkpoint(path, **parts):
    """Write the state of `parts` and of the default random stream to one file, which appears all at once.

    A part is an object with state_dict() and load_state_dict() (Module, Optimizer, a schedule, DataLoader, History), a
    Generator, None, or plain data (numbers, strings, arrays; lists, tuples and dicts of these). The file is safetensors:
    arrays under the names of their parts, 'model/conv1.weight', and the rest as JSON in its metadata; no pickle. DataError
    if it cannot be written, and then an older file of that name is still there.

    >>> save_checkpoint("run.safetensors", model=model, optimizer=optimizer, epoch=3)
    >>> load_checkpoint("run.safetensors", model=model, optimizer=optimizer)
    {'epoch': 3}
    """
    if wrong := [name for name in parts if "/" in name]:
        raise InputError("save_checkpoint", "a part's name", "without '/'", repr(wrong[0]))
    arrays, random = {}, _rewound(default_generator())
    plain = {name: flatten(_state(part), name, arrays)[0] for name, part in parts.items()}
    plain |= {name: None for name, part in parts.items() if isinstance(part, Module)}  # all there is are arrays
    streams = {name: {k: _rewound(g) for k, g in _streams(part).items()} for name, part in parts.items()}
    kinds = {name: _kind(part) for name, part in parts.items()}
    state = {"kinds": kinds, "parts": plain, "streams": streams, "random": random}
    with Replacement(path) as file:
        safetensors.write(file, arrays, {FORMAT: json.dumps(state)})
        file.commit()


def load_checkpoint(path, **objects):
    """Put the states in a file back into `objects`, named as when it was saved, and the default random stream into its
    state. Returns {name: data} of the saved parts that were plain data.

    Objects left out keep the state they have: load_checkpoint(path, model=model) takes the weights alone, but always the
    random stream with them. Build each object as it was built before. What does not fit is a DataError, after which some
    objects may have their new state and others not.
    """
    saved = _read(path)
    for name, thing in objects.items():
        if name not in saved["parts"]:
            raise DataError(f"{path}: has no part {name!r}, only {', '.join(sorted(saved['parts'])) or 'none'}")
        with _blamed(path, f"its part {name!r} does not fit the {type(thing).__name__}"):
            _restore(thing, saved["kinds"][name], saved["parts"][name], saved["streams"][name])
    with _blamed(path, "the state of the random stream is damaged"):
        default_generator().set_state(saved["random"])
    plain = [name for name, kind in saved["kinds"].items() if kind in ("data", "nothing") and name not in objects]
    return {name: saved["parts"][name] for name in plain}


def _read(path):
    """What save_checkpoint wrote: kinds, parts and streams by name, and the state of the default stream."""
    arrays, metadata = safetensors.read(path)
    if FORMAT not in metadata:
        raise DataError(f"{path}: not a checkpoint ({FORMAT!r}); files of weights alone are read by minicnn.load")
    with _blamed(path, "a damaged checkpoint"):
        saved = json.loads(metadata[FORMAT])
        saved["parts"] = {name: unflatten(plain, arrays, name) for name, plain in saved["parts"].items()}
        for name in (name for name, kind in saved["kinds"].items() if kind == "module"):
            saved["parts"][name] = {key[len(name) + 1:]: array for key, array in arrays.items() if key.startswith(f"{name}/")}
        if not (saved["parts"].keys() == saved["kinds"].keys() == saved["streams"].keys() and "random" in saved):
            raise ValueError("parts, kinds, streams and random do not belong together")
    return saved


@contextmanager
def _blamed(path, what):
    """An error over values that came out of a file is the file's: a DataError with its path."""
    try:
        yield
    except DAMAGE as error:
        kind = "" if isinstance(error, MinicnnError) else f"{type(error).__name__}: "
        raise DataError(f"{path}: {what}: {kind}{error}") from error


# ----------------------------------------------------------------------------------------------------- state of one part


def _state(part):
    """What is saved of a part, besides its random streams."""
    if isinstance(part, Optimizer):
        return {**part.state_dict(), "stepped": part._stepped}
    if isinstance(part, Generator):
        return _rewound(part)
    return part.state_dict() if hasattr(part, "state_dict") else part


def _restore(thing, kind, state, streams):
    """Put back what `_state` and `_streams` returned for an object of that kind."""
    own = _streams(thing)
    if (wanted := _kind(thing)) != kind or own.keys() != streams.keys():
        raise InputError("load_checkpoint", "the object", f"of the kind that was saved, {kind} {sorted(streams)}",
                         f"{wanted} {sorted(own)}")
    if kind == "stream":
        thing.set_state(state)
    elif kind not in ("data", "nothing"):
        thing.load_state_dict(state)
    if kind == "optimizer":
        thing._stepped = bool(state["stepped"])  # a schedule asks whether it may go on
    for name, stream in own.items():
        stream.set_state(streams[name])


def _kind(thing):
    """What an object is, as far as saving it goes."""
    for kind, cls in (("module", Module), ("optimizer", Optimizer), ("stream", Generator)):
        if isinstance(thing, cls):
            return kind
    return "nothing" if thing is None else "object" if hasattr(thing, "state_dict") else "data"


def _streams(part):
    """Generators that a module and those below it hold as attributes, by their paths."""
    modules = part.named_modules() if isinstance(part, Module) else ()
    return {f"{path}.{name}": value for path, inner in modules
            for name, value in vars(inner).items() if isinstance(value, Generator)}


def _rewound(generator):
    """A stream's state. Its twins on a device, whose state cannot be read, begin anew from it: here, and when it is set."""
    state = generator.get_state()
    generator.set_state(state)
    return state
