"""fetch against mirrors that misbehave, all of them on this machine; and where data sets are looked for."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from minicnn import files
from minicnn.data import download
from minicnn.data.download import data_folders, download_folder, fetch, find_files
from minicnn.errors import DataError, InputError

ROOT = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 2000  # 512,000 bytes
SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Mirror(BaseHTTPRequestHandler):
    """What it does is the first part of the path: /truncating/file."""

    def log_message(self, *_):
        pass

    def head(self, length=None, code=200, **headers):
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        self.server.asked.append(self.path)
        try:
            getattr(self, self.path.split("/")[1])()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has had enough

    def good(self):
        self.head(len(CONTENT))
        self.wfile.write(CONTENT)

    def good_without_length(self):
        self.head()
        self.wfile.write(CONTENT)

    def missing(self):
        self.send_error(404)

    def forbidden(self):
        self.send_error(403)

    def redirecting(self):
        self.head(0, 302, Location="/good/file")

    def redirecting_for_ever(self):
        self.head(0, 302, Location=self.path + "x")

    def redirecting_to_disk(self):
        self.head(0, 302, Location="file:///etc/hostname")

    def truncating(self):
        self.head(len(CONTENT))
        self.wfile.write(CONTENT[:300_000])

    def truncating_without_length(self):
        self.head()
        self.wfile.write(CONTENT[:300_000])

    def corrupting(self):
        self.head(len(CONTENT))
        self.wfile.write(CONTENT[:1000] + b"!" + CONTENT[1001:])

    def an_apology(self):
        text = b"<html>moved</html>"
        self.head(len(text))
        self.wfile.write(text)

    def too_long(self):
        self.head(len(CONTENT) + 1)
        self.wfile.write(CONTENT + b"!")

    def endless(self):
        self.head()
        while True:
            self.wfile.write(bytes(100_000))
            self.server.sent += 100_000

    def silent(self):
        self.head(len(CONTENT))
        self.wfile.write(CONTENT[:100])
        self.server.stop.wait(10)

    def dripping(self):
        self.head(len(CONTENT))
        for i in range(200):
            self.wfile.write(CONTENT[i:i + 1])
            if self.server.stop.wait(0.05):
                return

    def dripping_headers(self):
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
        for _ in range(200):
            self.wfile.write(b"x")
            if self.server.stop.wait(0.05):
                return

    def halting(self):  # the first half, then the rest on demand
        self.head(len(CONTENT))
        self.wfile.write(CONTENT[:256_000])
        self.server.stop.wait(10)
        self.wfile.write(CONTENT[256_000:])

    def nonsense(self):
        self.wfile.write(b"this is not HTTP\r\n\r\n")


@pytest.fixture
def server(monkeypatch):
    for name in ("MINICNN_MIRROR", "MINICNN_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.asked, server.sent, server.stop = [], 0, threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.stop.set()
        server.shutdown()
        thread.join()


def get(server, folder, *kinds):
    return fetch("file", [f"{server.url}/{kind}/file" for kind in kinds], folder, len(CONTENT), SHA)


def listed(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("kind", ["good", "good_without_length", "redirecting"])
@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_good_mirrors(server, tmp_path, kind, algorithm):
    folder = tmp_path / "new" / "folder"
    known = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest().upper()}".replace(algorithm.upper(), algorithm)
    path = fetch("file", [f"{server.url}/{kind}/file"], folder, len(CONTENT), known)
    assert path == folder / "file" and path.read_bytes() == CONTENT
    assert listed(folder) == ["file"]


BAD = {
    "missing": "404", "forbidden": "403", "redirecting_for_ever": "redirect", "redirecting_to_disk": "302",
    "truncating": "ended after 300,000 of 512,000 bytes", "truncating_without_length": "another file than the one asked for",
    "corrupting": "another file than the one asked for", "an_apology": "another file than the one asked for",
    "too_long": "512,001 bytes announced, 512,000 at most", "endless": "more than the 512,000 bytes",
    "silent": "timed out", "dripping": "too slow", "dripping_headers": "timed out before all headers came", "nonsense": "",
}


@pytest.mark.parametrize("kind", BAD)
def test_the_next_mirror_is_tried_and_nothing_bad_is_kept(server, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    with pytest.raises(DataError) as error:
        get(server, tmp_path, kind)
    assert listed(tmp_path) == []
    assert f"{server.url}/{kind}/file: " in str(error.value) and BAD[kind] in str(error.value)
    assert get(server, tmp_path, kind, "good", "forbidden").read_bytes() == CONTENT
    assert listed(tmp_path) == ["file"]
    assert server.asked[-1] == "/good/file"  # the one after it is not asked
    assert server.sent < 20_000_000


def test_a_dead_mirror_and_addresses_of_other_kinds(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    with socket.socket() as closed, socket.socket() as deaf:
        closed.bind(("127.0.0.1", 0))  # nobody listens: refused
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()  # takes the call and never answers
        dead = [f"http://127.0.0.1:{s.getsockname()[1]}/file" for s in (closed, deaf)]
        odd = ["file:///etc/hostname", "ftp://127.0.0.1/file", "http://", "http://[::1/file"]
        with pytest.raises(DataError) as error:
            fetch("file", [*dead, *odd], tmp_path, 10, SHA)
        text = str(error.value)
        assert all(f"\n  {address}: " in text for address in [*dead, *odd])
        with pytest.raises(DataError, match=r"(?i)127\.0\.0\.1:\d+/good/file: .*ssl"):  # it does not speak TLS
            fetch("file", [server.url.replace("http:", "https:") + "/good/file"], tmp_path, 10, SHA)
        assert "refused" in text and "timed out" in text and text.count("not an address of http") == 2
        path = fetch("file", [*dead, *odd, f"{server.url}/good/file"], tmp_path, len(CONTENT), SHA)
    assert path.read_bytes() == CONTENT


def test_the_message_says_what_to_do_offline(server, tmp_path):
    with pytest.raises(DataError) as error:
        get(server, tmp_path, "missing", "corrupting")
    text = str(error.value)
    assert text.startswith(f"{tmp_path / 'file'}: no mirror gave the file\n")
    assert text.count(server.url) == 2 and "Without a network: put the file there by hand" in text


def test_a_file_put_there_by_hand_is_taken_if_it_is_the_right_one(server, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    assert get(server, tmp_path, "good") == tmp_path / "file"
    assert server.asked == []
    (tmp_path / "file").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match="the file that lies there has another checksum"):
        get(server, tmp_path, "missing")
    assert (tmp_path / "file").read_bytes() == CONTENT[:-1]  # somebody put it there: it is not ours to remove
    assert get(server, tmp_path, "corrupting", "good").read_bytes() == CONTENT


def test_the_mirror_of_a_class_comes_first(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_MIRROR", f"{server.url}/good/")
    assert get(server, tmp_path / "mnist", "forbidden").read_bytes() == CONTENT
    assert server.asked == ["/good/mnist/file"]


def test_large_files_are_announced(server, tmp_path, monkeypatch, capsys):
    get(server, tmp_path / "quiet", "good")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(download, "LARGE", 500_000)
    get(server, tmp_path / "loud", "good")
    out, err = capsys.readouterr()
    assert not out and err.startswith("Fetching file, 1 MB, from 127.0.0.1:")


def test_a_hash_is_a_must(tmp_path):
    for bad in ("", "abc", "crc32:abc"):
        with pytest.raises(InputError, match="known_hash"):
            fetch("file", [], tmp_path, 10, bad)


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(DataError, match="taken.*cannot write there"):
        get(server, tmp_path / "taken", "good", "good")
    assert server.asked == []


def test_a_full_disk_is_not_the_mirrors_fault(server, tmp_path, monkeypatch):
    real = files.NamedTemporaryFile

    def full(**options):
        file = real(**options)
        file.write = lambda data: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        return file

    monkeypatch.setattr(files, "NamedTemporaryFile", full)
    with pytest.raises(DataError, match="cannot write the file.*No space left"):
        get(server, tmp_path, "good", "good")
    assert listed(tmp_path) == [] and len(server.asked) == 1


# ------------------------------------------------------------------------------------------- interrupted, and two at once

FETCH = ("import sys; from minicnn.data.download import fetch\n"
         "fetch('file', [sys.argv[1]], sys.argv[2], 512_000, sys.argv[3])\n")


def start(server, folder, kind):
    """A process of its own that fetches."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", FETCH, f"{server.url}/{kind}/file", str(folder), SHA], env=env,
                            stderr=subprocess.PIPE)


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def parts(folder):
    return [p for p in folder.glob(".file.*.part") if p.stat().st_size]


def test_a_killed_download_leaves_no_file_and_the_next_one_starts_again(server, tmp_path):
    process = start(server, tmp_path, "halting")
    wait_for(lambda: parts(tmp_path))
    process.kill()
    process.communicate()
    [part] = parts(tmp_path)
    assert listed(tmp_path) == [part.name]
    assert get(server, tmp_path, "good").read_bytes() == CONTENT
    assert listed(tmp_path) == sorted([part.name, "file"])  # for all we know somebody is still writing to it
    os.utime(part, (0, 0))
    (tmp_path / "file").unlink()
    assert get(server, tmp_path, "good").read_bytes() == CONTENT
    assert listed(tmp_path) == ["file"]


def test_an_interrupt_leaves_nothing(server, tmp_path, monkeypatch):
    class Interrupted:
        def __init__(self, **_):
            raise KeyboardInterrupt

    monkeypatch.setattr("tqdm.tqdm", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        get(server, tmp_path, "good")
    assert listed(tmp_path) == []


def test_two_processes_at_once(server, tmp_path):
    processes = [start(server, tmp_path, "halting") for _ in range(2)]
    wait_for(lambda: len(parts(tmp_path)) == 2)  # both are in the middle of it
    assert "file" not in listed(tmp_path)
    server.stop.set()
    for process in processes:
        _, error = process.communicate(timeout=30)
        assert process.returncode == 0, error
    assert listed(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == CONTENT


# ------------------------------------------------------------------------------------------------------------- folders


def test_folders_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    cache = tmp_path / "cache" / "minicnn"
    assert data_folders() == [cache] and download_folder() == cache
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path / "named"))
    assert data_folders() == [tmp_path / "named", cache] and download_folder() == tmp_path / "named"
    assert data_folders(tmp_path / "own") == [tmp_path / "own"] and download_folder(tmp_path / "own") == tmp_path / "own"
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path / "named")
    (tmp_path / "named").mkdir()
    assert download_folder() == cache  # the named one is read-only


def test_find_files_wants_all_of_them_in_one_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path / "named"))
    for name in ("named/set/a", "cache/set/a.gz", "cache/set/b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    cache = tmp_path / "cache" / "set"
    assert find_files("Set", "set", ["a", "b"]) == [cache / "a.gz", cache / "b"]
    assert find_files("Set", "set", ["a"]) == [tmp_path / "named" / "set" / "a"]
    with pytest.raises(DataError) as error:
        find_files("Set", "set", ["a", "c", "d"])
    text = str(error.value)
    assert f"{tmp_path / 'named' / 'set'}: no c, no d\n" in text and f"{cache}: no c, no d\n" in text
    assert "Set is not here" in text and "MINICNN_DATA" in text and "download=True" in text
