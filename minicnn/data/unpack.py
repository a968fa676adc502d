"""Reading packed files that nobody vouches for: memory is bounded by what the caller expects, not by what the file says."""

import gzip
import io
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import PurePosixPath

from .. import files
from ..errors import DataError

__all__ = ["opened", "read_exactly", "read_file", "read_tar"]

BLOCK = 1 << 20  # bytes taken at a time
MEMBERS = 100  # in an archive, at most
FAULTS = (OSError, EOFError, zlib.error)  # what gzip and the disk raise over a bad file


@contextmanager
def opened(path):
    """The file for reading, unpacked on the way if it is gzip (by its first two bytes, whatever its name says).

    What goes wrong inside the block while it reads is a DataError with the path.
    """
    try:
        with files.opened(path) as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as file:
                yield file
    except DataError:
        raise
    except FAULTS as error:
        raise DataError(f"{path}: cannot read the file: {error}") from error


def read_exactly(file, size, path):
    """The next `size` bytes. They are taken block by block: a short file costs its own length, whatever was promised."""
    data = bytearray()
    while len(data) < size:
        block = file.read(min(BLOCK, size - len(data)))
        if not block:
            raise DataError(f"{path}: the file ends after {len(data):,} of {size:,} bytes; it is cut off or not what it "
                            "says it is")
        data += block
    return data


def read_file(path, limit):
    """All bytes of a file (unpacked if it is gzip), of which there may be `limit`."""
    data = bytearray()
    with opened(path) as file:
        while block := file.read(min(BLOCK, limit + 1 - len(data))):
            data += block
            if len(data) > limit:
                raise DataError(f"{path}: more than {limit:,} bytes, so it is not what it should be")
    return data


def read_tar(path, sizes):
    """Yield (name, bytes) for the members of a .tar or .tar.gz archive that `sizes` names, read in memory.

    sizes: {name of a member: bytes it has at most}. Nothing is written to disk. An archive with a link, a device, an
    absolute path or one with '..', more than 100 members, or more bytes than `sizes` allow (1 MB more for the other
    members together) is refused; so is one that lacks a member.
    """
    left = dict(sizes)
    with opened(path) as file:
        guarded = _Guarded(file, sum(sizes.values()) + BLOCK, path)
        try:
            with tarfile.open(fileobj=guarded, mode="r:") as tar:
                for count, member in enumerate(tar):
                    _check_member(member, count, sizes, path)
                    if member.name in left:
                        content = tar.extractfile(member)
                        assert content is not None  # it is a regular file
                        yield member.name, read_exactly(content, member.size, path)
                        del left[member.name]
            guarded.drain()
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise DataError(f"{path}: cannot read the archive: {error}") from error
    if left:
        raise DataError(f"{path}: the archive lacks {', '.join(left)}")


def _check_member(member, count, sizes, path):
    """Refuse what a data archive has no need of."""
    name = PurePosixPath(member.name.replace("\\", "/"))
    limit = sizes.get(member.name, BLOCK)
    for wrong, what in (
        (count >= MEMBERS, f"more than {MEMBERS} members"),
        (name.is_absolute() or ".." in name.parts or ":" in member.name, f"a path out of its folder, {member.name!r}"),
        (member.issparse() or not (member.isreg() or member.isdir()), f"a link, device or other odd member, {member.name!r}"),
        (member.name in sizes and not member.isreg(), f"a folder where {member.name!r} should be a file"),
        (not 0 <= member.size <= limit, f"{member.name!r} of {member.size:,} bytes, {limit:,} at most are right"),
    ):
        if wrong:
            raise DataError(f"{path}: refused: the archive has {what}")


class _Guarded(io.RawIOBase):
    """A file for tarfile to read: never back, never more than BLOCK at once, never past `limit` bytes.

    tarfile takes long names and extended headers in one read of a size that the archive states.
    """

    def __init__(self, file, limit, path):
        self.file, self.limit, self.path = file, limit + 2 * 512 * MEMBERS + 20 * 512, path  # headers and padding

    def read(self, size=-1):
        if not 0 <= size <= BLOCK:
            raise DataError(f"{self.path}: refused: the archive has a header of {size:,} bytes")
        self._check(self.file.tell() + size)
        return self.file.read(size)

    def drain(self):
        """Read what comes after the last member: gzip compares its checksum only at the very end."""
        while self.file.read(BLOCK):
            self._check(self.file.tell())

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.file.tell()

    def seek(self, position, whence=0):
        if whence or position < self.file.tell():
            raise DataError(f"{self.path}: refused: the archive points back into itself")
        self._check(position)
        return self.file.seek(position)

    def _check(self, position):
        if position > self.limit:
            raise DataError(f"{self.path}: refused: the archive holds more than {self.limit:,} bytes")
