"""The library's own threads: large work is cut into parts that run at once, each with BLAS on one thread.

NumPy lets go of the interpreter's lock inside long calls, so plain threads run matrix products and ufuncs in parallel.
BLAS must then keep to one thread: two BLAS threads under each of two Python threads wait for one another, and the worker
threads that BLAS leaves spinning after a call slow everything else down.
"""

import contextlib
import contextvars
import ctypes
import os
import pathlib
import queue
import threading

import numpy as np

from ..backend import on_host
from ..errors import InputError

__all__ = ["set_num_threads", "get_num_threads", "parallel_for", "over_batch", "blas_threads"]

CHUNK_BYTES = 1 << 20  # what several passes over an array should share in cache
SMALL = 1 << 16  # numbers; below this a second thread costs more than it saves


class _State(threading.local):
    inside = False  # a part of parallel work runs in this thread: it must not be cut again


_state = _State()
_helpers, _jobs, _threads, _lock = [], queue.SimpleQueue(), None, threading.Lock()


def _blas():
    """(get, set) of the number of threads of NumPy's own OpenBLAS, or None if NumPy uses another library."""
    folder = pathlib.Path(np.__file__).parent.parent / "numpy.libs"
    for path in folder.glob("*openblas*") if folder.is_dir() else ():
        library = ctypes.CDLL(str(path))
        for prefix, suffix in (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", "")):
            with contextlib.suppress(AttributeError):
                return (getattr(library, f"{prefix}openblas_get_num_threads{suffix}"),
                        getattr(library, f"{prefix}openblas_set_num_threads{suffix}"))
    return None


_blas_functions = _blas()
_blas_before = _blas_functions[0]() if _blas_functions else None


def blas_threads():
    """How many threads NumPy's BLAS uses now; None where that cannot be asked."""
    return _blas_functions[0]() if _blas_functions else None


def _available():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _help(jobs):
    """What a helping thread does: take a job (work, start, stop, context, where to report), do it, report None or the error."""
    _state.inside = True
    while (job := jobs.get()) is not None:
        work, start, stop, context, done = job
        try:
            context.run(work, start, stop)
        except BaseException as error:  # it is raised again in the thread that waits for the report
            done.put(error)
        else:
            done.put(None)
        del job, work, context, done  # while it waits, a helper must not keep the last job's arrays alive


def get_num_threads():
    """Threads that large operations are cut for."""
    return _threads


def set_num_threads(n):
    """Cut large operations for n threads, with BLAS on one; n = None leaves threading to BLAS, as NumPy alone would.

    The environment variable MINICNN_NUM_THREADS sets it at import (0 leaves it to BLAS).
    """
    global _helpers, _jobs, _threads
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise InputError("set_num_threads", "n", "a positive int, or None to leave threads to BLAS", repr(n))
    with _lock:
        for _ in _helpers:
            _jobs.put(None)
        for helper in _helpers:
            helper.join()
        _jobs, _threads = queue.SimpleQueue(), n or 1
        _helpers = [threading.Thread(target=_help, args=(_jobs,), name=f"minicnn-{i}", daemon=True) for i in range(1, _threads)]
        for helper in _helpers:
            helper.start()
        if _blas_functions:
            _blas_functions[1](_blas_before if n is None else 1)


def _edges(count, parts, step, lead):
    """Where the ranges of parallel_for begin and end: parts + 1 whole numbers from 0 to count."""
    if step == 1 and not lead:
        return [count * i // parts for i in range(parts + 1)]
    inner = [round(count * (i + lead * (parts - i)) / parts / step) * step for i in range(1, parts)]
    return [0, *(min(edge, count) for edge in inner), count]


def parallel_for(count, work, parts=None, *, step=1, lead=0.0):
    """work(start, stop) on consecutive ranges that cover 0 .. count, one range a thread; the last error is raised.

    Runs in the calling thread alone if there is one thread, one item, or if this is already a part of such work.
    step: ranges begin at multiples of it. lead: the share of all work that the calling thread, which starts at once, can do
    before the others have woken up; its range is longer by that much of the others' shares.
    """
    parts = min(_threads if parts is None else parts, count)
    if parts <= 1 or not _helpers or _state.inside:
        if count:
            work(0, count)
        return
    done, errors = queue.SimpleQueue(), []
    with _lock:  # set_num_threads must not send the helpers away in between
        parts = min(parts, len(_helpers) + 1)
        edges = _edges(count, parts, step, lead)
        for i in range(1, parts):
            _jobs.put((work, edges[i], edges[i + 1], contextvars.copy_context(), done))  # what np.errstate says holds there too
    _state.inside = True
    try:
        work(0, edges[1])
    finally:
        _state.inside = False
        errors += [done.get() for _ in range(1, parts)]  # nobody may still be writing when this returns
    for error in errors:
        if error is not None:
            raise error


def over_batch(x, work):
    """work(part) for slices of the batch of x: a few samples at a time, cut over threads; all at once on a device."""
    n = x.shape[0]
    if not on_host(x):
        work(slice(0, n))
        return
    step = max(1, CHUNK_BYTES * n // max(1, x.nbytes))

    def run(start, stop):
        for i in range(start, stop, step):
            work(slice(i, min(i + step, stop)))

    parallel_for(n, run, None if x.size >= SMALL else 1)


def _after_fork():
    """A forked child has none of its parent's threads, and a lock that another thread held stays locked."""
    global _helpers, _lock
    _helpers, _lock = [], threading.Lock()
    set_num_threads(_threads)


_wanted = os.environ.get("MINICNN_NUM_THREADS", "")
set_num_threads((int(_wanted) or None) if _wanted.isdigit() else _available())
if hasattr(os, "register_at_fork"):  # a forked child has none of the parent's threads
    os.register_at_fork(after_in_child=_after_fork)
