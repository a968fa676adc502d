"""Files: reading with errors that name the path, and writing so that a name holds the old content or the whole new one."""

import glob
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from .errors import DataError

__all__ = ["opened", "Replacement", "write_file", "remove_stale"]

STALE = 3600  # seconds after which nobody writes to a partial file any more: its process was killed


@contextmanager
def opened(path):
    """A regular file, for reading; an OSError inside the block is a DataError with the path."""
    try:
        if not os.path.isfile(path):  # a fifo would wait for ever, a device never end
            what = "it is not a regular file" if os.path.lexists(path) else "there is no such file"
            raise DataError(f"{path}: cannot read the file: {what}")
        with open(path, "rb") as file:
            yield file
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot read the file: {error}") from error


class Replacement:
    """A new file beside `path` to write to; `commit` renames it to `path`, and leaving the block without that removes it.

    It lies in the same folder because a rename is all-or-nothing only within one file system. The order matters: the
    content reaches the disk before the name does, or a power cut could leave the name with nothing behind it; then the
    folder, which holds the names, is written through as well. An OSError (a full disk, say) is a DataError with the path.

    `file` is the open file and `part` its path, for code that must have one of the two.
    """

    def __init__(self, path):
        self.path = Path(path)

    def __enter__(self):
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_stale(self.path.parent, glob.escape(self.path.name), STALE)
            self.file = NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".part", delete=False)
        except OSError as error:
            raise DataError(f"{self.path}: cannot write there: {error}") from error
        self.part = self.file.name
        return self

    def write(self, data):
        try:
            self.file.write(data)
        except OSError as error:
            raise DataError(f"{self.path}: cannot write the file: {error}") from error

    def commit(self):
        """Write through to the disk, then rename, then write the folder through."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            os.chmod(self.part, 0o644)  # a temporary file is its owner's alone, this one is everybody's
            os.replace(self.part, self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise DataError(f"{self.path}: cannot write the file: {error}") from error

    def __exit__(self, *_):
        with suppress(OSError):
            self.file.close()
        with suppress(FileNotFoundError):
            os.remove(self.part)


def _sync_folder(folder):
    """Write a folder's names through to the disk; Windows can neither do this nor needs it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path, data):
    """Write `data` to `path` all at once: whoever looks sees the old file or the whole new one."""
    with Replacement(path) as file:
        file.write(data)
        file.commit()


def remove_stale(folder, pattern, seconds):
    """Remove partial files of killed processes: those named .pattern.*.part that nobody has written to for `seconds`."""
    for part in Path(folder).glob(f".{pattern}.*.part"):
        with suppress(OSError):  # another process may be quicker
            if time.time() - part.stat().st_mtime > seconds:
                part.unlink()
