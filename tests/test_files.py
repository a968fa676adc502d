"""Replacement: at every moment a name holds the old file or the whole new one, and errors name the path."""

import errno
import os
import resource
import time
from pathlib import Path

import pytest

from minicnn import files
from minicnn.errors import DataError
from minicnn.files import Replacement, opened, remove_stale, write_file


def listed(folder):
    return sorted(p.name for p in folder.iterdir())


def test_write_file_replaces_at_once(tmp_path):
    write_file(tmp_path / "new" / "a", b"old")
    write_file(tmp_path / "new" / "a", b"new")
    assert listed(tmp_path / "new") == ["a"] and (tmp_path / "new" / "a").read_bytes() == b"new"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the names of open files are read from /proc")
def test_content_then_name_then_folder_reach_the_disk(tmp_path, monkeypatch):
    """The order of the three, and that the name appears with the whole content."""
    calls, path = [], tmp_path / "a"
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda fd: (calls.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))
    monkeypatch.setattr(files.os, "replace", lambda a, b: (calls.append((Path(a).read_bytes(), b)), replace(a, b)))
    write_file(path, b"content")
    assert len(calls) == 3 and os.path.dirname(calls[0]) == str(tmp_path) and calls[0].endswith(".part")
    assert calls[1:] == [(b"content", path), str(tmp_path)]


def test_what_is_not_committed_leaves_nothing(tmp_path):
    write_file(tmp_path / "a", b"old")
    with Replacement(tmp_path / "a") as file:
        file.write(b"half")
        assert len(listed(tmp_path)) == 2
    with pytest.raises(KeyboardInterrupt), Replacement(tmp_path / "a") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert listed(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failing_disk_keeps_the_old_file(tmp_path, monkeypatch, call, code):
    write_file(tmp_path / "a", b"old")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, call, fail)
    with pytest.raises(DataError, match=f"{tmp_path / 'a'}: cannot write the file: .*{os.strerror(code)}"):
        write_file(tmp_path / "a", b"new")
    assert listed(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_a_real_limit_of_the_system(tmp_path):
    """The kernel refuses to let the file grow, in the middle of a write."""
    write_file(tmp_path / "a", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DataError, match="cannot write the file: .*File too large"):
            write_file(tmp_path / "a", bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert listed(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_a_folder_that_cannot_be_made(tmp_path):
    write_file(tmp_path / "a", b"")
    with pytest.raises(DataError, match="a/b: cannot write there"):
        write_file(tmp_path / "a" / "b", b"")


def test_opened_takes_regular_files_alone(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    os.symlink("nowhere", tmp_path / "link")
    for name, what in (("fifo", "not a regular file"), ("link", "not a regular file"), ("none", "no such file"), (".", "not a")):
        with pytest.raises(DataError, match=f"{name}: cannot read the file: .*{what}" if name != "." else what):
            with opened(tmp_path / name):
                pass
    with pytest.raises(DataError, match="/dev/zero: cannot read"), opened("/dev/zero"):
        pass
    write_file(tmp_path / "a", b"content")
    with opened(tmp_path / "a") as file:
        assert file.read() == b"content"


def test_stale_parts_are_removed_and_fresh_ones_are_not(tmp_path):
    for name, age in ((".a.1.part", 100), (".a.2.part", 0), (".b.1.part", 100), ("a.part", 100)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    remove_stale(tmp_path, "a", 60)
    assert listed(tmp_path) == [".a.2.part", ".b.1.part", "a.part"]
    (tmp_path / ".[x].1.part").touch()  # no pattern
    os.utime(tmp_path / ".[x].1.part", (0, 0))
    write_file(tmp_path / "[x]", b"")
    assert listed(tmp_path) == [".a.2.part", ".b.1.part", "[x]", "a.part"]
