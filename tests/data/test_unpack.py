"""read_tar: what a data archive has no need of is refused, and nothing is ever written."""

import gzip
import io
import tarfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.data.unpack import read_tar
from minicnn.errors import DataError

GOOD = {"set/a.bin": b"a" * 700, "set/b.bin": b"b" * 512}
SIZES = {"set/a.bin": 700, "set/b.bin": 600}


def archive(path, members, mode="w:gz"):
    """A tar of members (name, content or TarInfo)."""
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return name, info


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_reads_the_named_members_and_no_others(tmp_path, mode):
    members = [special("set", tarfile.DIRTYPE), ("set/readme.html", b"hello"), *GOOD.items()]
    path = archive(tmp_path / "good.tar.gz", members, mode)
    assert dict(read_tar(path, SIZES)) == GOOD
    assert [p.name for p in tmp_path.iterdir()] == ["good.tar.gz"]


BAD = {
    "..": [("set/../../a.bin", b"")],
    ".. with backslashes": [("set\\..\\..\\a.bin", b"")],
    "absolute": [("/etc/a.bin", b"")],
    "absolute on Windows": [("C:/a.bin", b"")],
    "symbolic link": [special("set/a.bin", tarfile.SYMTYPE, "/etc/passwd")],
    "hard link": [special("set/a.bin", tarfile.LNKTYPE, "set/b.bin")],
    "device": [special("set/a.bin", tarfile.CHRTYPE)],
    "block device": [special("set/x", tarfile.BLKTYPE)],
    "fifo": [special("set/x", tarfile.FIFOTYPE)],
    "a folder for a file": [special("set/a.bin", tarfile.DIRTYPE)],
    "too large": [("set/b.bin", bytes(601))],
    "too large, another": [("set/other", bytes((1 << 20) + 1))],
    "too many": [(f"set/{i}", b"") for i in range(101)],
    "too much": [(f"set/{i}", bytes(1 << 19)) for i in range(5)],
}


@pytest.mark.parametrize("case", BAD)
def test_hostile_archives_are_refused(tmp_path, case):
    path = archive(tmp_path / "bad.tar.gz", [*BAD[case], *GOOD.items()])
    with pytest.raises(DataError, match="bad.tar.gz: refused: the archive "):
        list(read_tar(path, SIZES))
    assert [p.name for p in tmp_path.iterdir()] == ["bad.tar.gz"]


@pytest.mark.parametrize("size", [5 * 10**7, 10 * 2**30, 2**62])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_declared_size_costs_nothing(tmp_path, size, kind):
    """A member, an extended header and a long name that say 50 MB, which the named members may have, 10 GB, and more."""
    info = tarfile.TarInfo("set/a.bin")
    info.size, info.type = size, kind
    path = tmp_path / "bad.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(10**7)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="bad.tar.gz: "):
            list(read_tar(path, {"set/a.bin": 1000, "set/b.bin": 10**8}))
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


def test_sizes_below_zero_do_not_send_it_round_in_a_circle(tmp_path):
    info = tarfile.TarInfo("set/a.bin")
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    head[124:136] = (-1024).to_bytes(12, "big", signed=True)
    head[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(head))[0]
    path = tmp_path / "bad.tar"
    path.write_bytes(bytes(head) + bytes(2048))
    with pytest.raises(DataError, match="bad.tar: "):
        list(read_tar(path, SIZES))


def test_missing_members_and_damaged_archives(tmp_path):
    path = archive(tmp_path / "a.tar.gz", [("set/a.bin", b"1")])
    with pytest.raises(DataError, match="a.tar.gz: the archive lacks set/b.bin"):
        list(read_tar(path, SIZES))
    whole = archive(path, GOOD.items(), "w").read_bytes()
    for content in (b"", b"<html>", whole[:900], gzip.compress(whole)[:60], b"\x1f\x8b" + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(DataError, match="a.tar.gz: "):
            list(read_tar(path, SIZES))


@given(st.data())
def test_damage_raises_nothing_but_dataerror(tmp_path_factory, data):
    path = archive(tmp_path_factory.mktemp("fuzz") / "a.tar", GOOD.items(), "w")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # with the sum of the first header put right
        content[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(content[:512]))[0]
    path.write_bytes(content)
    try:
        found = dict(read_tar(path, SIZES))
        assert found.keys() == SIZES.keys() and all(len(found[name]) <= SIZES[name] for name in SIZES)
    except DataError as error:
        assert str(path) in str(error)
