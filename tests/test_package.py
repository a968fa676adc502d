"""What `import minicnn` loads, and that the version is the same everywhere."""

import configparser
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import minicnn
from minicnn._version import __version__

ROOT = Path(__file__).parents[1]
SLOW = {"matplotlib", "tqdm", "pooch", "PIL", "scipy", "cupy", "torch", "safetensors", "requests"}


def loaded_by(code):
    """Top-level names of the modules that a fresh interpreter loads for a line of code."""
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in run.stderr.splitlines() if "|" in line}


@pytest.mark.parametrize("code", ["import minicnn", "import minicnn.cli"])
def test_import_loads_numpy_and_nothing_slow(code):
    names = loaded_by(code)
    assert {"minicnn", "numpy"} <= names  # the list is read as meant
    assert not names & SLOW


def test_version_is_the_metadatas():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert config["metadata"]["version"] == "attr: minicnn._version.__version__"
    assert getattr(minicnn, "__version__", __version__) == __version__
    try:
        assert metadata.version("minicnn") == __version__
    except metadata.PackageNotFoundError:
        pytest.skip("minicnn is not installed here")


def test_citation_names_the_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", text, re.MULTILINE)[1] == __version__


def test_readme_installs_no_plain_cupy():
    text = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert "cuda12" in text and "cuda13" in text
    assert not re.search(r"install.* cupy\b(?!-)", text)
    assert not re.search(r"^\s*cupy\b(?!-)", text, re.MULTILINE)


def test_public_names_exist():
    assert len(minicnn.__all__) == len(set(minicnn.__all__))
    assert all(hasattr(minicnn, name) for name in minicnn.__all__)
