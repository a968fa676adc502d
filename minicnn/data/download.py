"""Files from the network: several mirrors, a checksum, and never a bad file under the final name.

Bytes go to a file of a name of its own beside the final one, and are renamed once their checksum is right. So a download
that is cut off leaves nothing, and two processes that fetch the same file do not meet: the later rename wins, with the
same bytes.
"""

import hashlib
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from ..errors import DataError, InputError
from ..files import Replacement

__all__ = ["fetch", "data_folders", "download_folder", "find_files"]

TIMEOUT = 30  # seconds that a mirror may take to connect, or to send its next bytes
SLOWEST = 2000  # bytes a second; a mirror that falls TIMEOUT behind this pace is given up
LARGE = 1_000_000  # bytes from which on a download is announced
HINT = "Without a network: put the file there by hand (it may come from any of these addresses) and run this again"


def fetch(name, mirrors, folder, size, known_hash):
    """folder/name with the right checksum: as it lies there, else from the first mirror that has it.

    mirrors: addresses (http or https) of the file, tried in order; after them nothing is left to try, and DataError lists
    each with what went wrong. `<MINICNN_MIRROR>/<name of the folder>/<name>` comes first where that variable of the
    environment is set: the mirror of a class, laid out as the folder of MINICNN_DATA is.
    size: the most bytes that the file may have; a mirror that sends more is cut off.
    known_hash: 'sha256:...' or 'md5:...' of the file.
    """
    path = Path(folder) / name
    if ":" not in known_hash or known_hash.split(":")[0] not in ("sha256", "md5"):
        raise InputError("fetch", "known_hash", "'sha256:...' or 'md5:...'", repr(known_hash))
    if os.path.isfile(path) and _hash_of(path, known_hash) == known_hash.lower():
        return path
    own = os.environ.get("MINICNN_MIRROR")
    tried = [f"  (the file that lies there has another checksum than {known_hash})"] if os.path.isfile(path) else []
    for mirror in [f"{own.rstrip('/')}/{path.parent.name}/{name}", *mirrors] if own else mirrors:
        try:
            return _fetch_from(mirror, path, size, known_hash)
        except _Bad as reason:
            tried.append(f"  {mirror}: {reason}")
    raise DataError("\n".join([f"{path}: no mirror gave the file", *tried, HINT]))


class _Bad(Exception):
    """Why a mirror did not give the file."""


def _fetch_from(mirror, path, size, known_hash):
    """The file from one mirror, renamed to `path` when it is whole."""
    with Replacement(path) as file:
        found = _transfer(mirror, file, path.name, size, known_hash.split(":")[0])
        if found != known_hash.lower():
            raise _Bad(f"another file than the one asked for: {found}, not {known_hash}")
        file.commit()
    return path


def _transfer(mirror, file, name, size, algorithm):
    """Copy what the mirror sends to `file`; returns its hash. pooch and requests cannot do this: they wait for a whole
    block without looking at the clock, and take as many bytes as come."""
    import http.client

    from tqdm import tqdm

    if not mirror.startswith(("http://", "https://")):
        raise _Bad("not an address of http or https")
    digest, received, start = hashlib.new(algorithm, usedforsecurity=False), 0, time.monotonic()
    try:
        with _answer(mirror) as response:
            declared = response.headers.get("Content-Length", "")
            declared = int(declared) if declared.isdecimal() else None
            if declared is not None and declared > size:
                raise _Bad(f"{declared:,} bytes announced, {size:,} at most are right")
            _announce(name, mirror, declared or size)
            with tqdm(total=declared, unit="B", unit_scale=True, desc=name, leave=False,
                      disable=None if (declared or size) >= LARGE else True) as bar:
                while block := response.read1(1 << 18):
                    received += len(block)
                    if received > size:
                        raise _Bad(f"more than the {size:,} bytes that are right at most")
                    if (late := time.monotonic() - start - TIMEOUT) > received / SLOWEST:
                        raise _Bad(f"too slow: {received:,} bytes in {late + TIMEOUT:.0f} s")
                    file.write(block)
                    digest.update(block)
                    bar.update(len(block))
    except DataError:  # the disk's fault: no other mirror can help
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an address that makes no sense
        reason = str(error).removeprefix("<urlopen error ").removesuffix(">")
        raise _Bad(reason or type(error).__name__) from error
    if declared is not None and received < declared:
        raise _Bad(f"the connection ended after {received:,} of {declared:,} bytes")
    return f"{algorithm}:{digest.hexdigest()}"


def _answer(mirror):
    """The open response of a mirror. A timeout of urllib counts anew from each byte, so that a mirror which drips its
    headers would hold us for days: here a timer hangs up."""
    import http.client
    import urllib.request

    def timed(make):
        def connect(host, **options):
            connection = make(host, **options)
            plain = connection.getresponse

            def getresponse():
                late = threading.Event()
                timer = threading.Timer(TIMEOUT, _hang_up, [connection, late])
                timer.start()
                try:
                    response = plain()
                except (OSError, http.client.HTTPException):
                    if not late.is_set():
                        raise
                finally:
                    timer.cancel()
                if late.is_set():
                    raise TimeoutError("timed out before all headers came")
                return response

            connection.getresponse = getresponse
            return connection
        return connect

    class Http(urllib.request.HTTPHandler):
        def http_open(self, request):
            return self.do_open(timed(http.client.HTTPConnection), request)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, request):
            return self.do_open(timed(http.client.HTTPSConnection), request)

    request = urllib.request.Request(mirror, headers={"User-Agent": "minicnn", "Accept-Encoding": "identity"})
    return urllib.request.build_opener(Http, Https).open(request, timeout=TIMEOUT)


def _hang_up(connection, late):
    late.set()
    with suppress(OSError, AttributeError):  # it may have ended by itself
        connection.sock.shutdown(socket.SHUT_RDWR)


def _announce(name, mirror, size):
    if size >= LARGE:
        host = mirror.split("/")[2]
        print(f"Fetching {name}, {size / 1e6:.0f} MB, from {host}: {size / 1e7:.0f} s at 10 MB/s, "
              f"{size / 6e7:.0f} min at 1 MB/s", file=sys.stderr)


def _hash_of(path, known_hash):
    """The hash of a file, in the form and with the algorithm of `known_hash`."""
    algorithm = known_hash.split(":")[0]
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    except OSError as error:
        raise DataError(f"{path}: cannot read the file: {error}") from error
    return f"{algorithm}:{digest.hexdigest()}"


# ----------------------------------------------------------------------------------------------------------------- folders


def data_folders(root=None):
    """The folders that may hold data sets, in the order to look: `root` alone if it is given, else the one that the
    environment names in MINICNN_DATA, then the user's cache folder."""
    import pooch

    if root is not None:
        return [Path(root).expanduser()]
    named = os.environ.get("MINICNN_DATA")
    return [*([Path(named).expanduser()] if named else []), Path(pooch.os_cache("minicnn"))]


def download_folder(root=None):
    """The first of `data_folders(root)` that can be written to (MINICNN_DATA may be a read-only share)."""
    folders = data_folders(root)
    for folder in folders:
        above = next((f for f in (folder, *folder.absolute().parents) if os.path.exists(f)), folder)
        if os.path.isdir(above) and os.access(above, os.W_OK):
            return folder
    return folders[0]


def find_files(dataset, place, names, root=None):
    """Paths of the files `names` in the folder `place` of the first data folder that has them all, as they are or gzipped.

    DataError, where there is none, says where it looked for what.
    """
    looked = []
    for folder in data_folders(root):
        found = [_first_file(folder / place / name) for name in names]
        if all(found):
            return found
        looked.append(f"  {folder / place}: no {', no '.join(name for name, path in zip(names, found) if not path)}")
    raise DataError("\n".join([
        f"{dataset} is not here. Looked, for each file as it is and with .gz, in", *looked,
        f"Fetch it with download=True (or: minicnn data {dataset} --download), or name the folder that",
        f"holds {place}/ in root= or in the environment variable MINICNN_DATA"]))


def _first_file(path):
    """The path of a file or of the same gzipped, or None."""
    return next((p for p in (path, path.with_name(path.name + ".gz")) if os.path.isfile(p)), None)
