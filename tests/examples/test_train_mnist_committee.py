"""examples/train_mnist_committee.py: distortions, and two columns on made-up digits with everything it writes."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc

PATH = Path(__file__).parents[2] / "examples" / "train_mnist_committee.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("train_mnist_committee", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_views_are_from_minus_one_to_one_on_29_pixels(example):
    images = np.zeros((2, 1, 28, 28), np.uint8)
    images[:, :, 5:20, 10:13] = 255
    wide, plain = example.view(images, 12), example.view(images, 0)
    assert wide.shape == plain.shape == (2, 1, 29, 29) and wide.dtype == np.float32
    assert (wide.min(), wide.max()) == (-1, 1)
    inked = [(image[0, 0] > 0).any(axis=0).sum() for image in (wide, plain)]
    assert inked == [12, 3]


def test_distortion_moves_each_image_its_own_way_and_keeps_the_ground(example, rng):
    x = np.full((8, 1, 29, 29), -1, np.float32)
    x[:, :, 8:20, 12:16] = 1
    y = example.distort(mc.from_numpy(x), rng).numpy()
    assert y.shape == x.shape and y.min() == -1 and y.max() <= 1
    assert len({image.tobytes() for image in y}) == 8
    assert abs((y + 1).sum() / (x + 1).sum() - 1) < 0.3  # about as much ink as before
    again = example.distort(mc.from_numpy(x), np.random.default_rng(1)).numpy()
    assert np.array_equal(again, example.distort(mc.from_numpy(x), np.random.default_rng(1)).numpy())


def test_committees_of_each_size(example):
    labels = np.array([0, 1])
    p = np.array([[[0.9, 0.1], [0.6, 0.4]], [[0.2, 0.8], [0.1, 0.9]], [[0.7, 0.3], [0.3, 0.7]]])
    assert example.committees(p, labels) == {1: [50.0, 50.0, 0.0], 2: [0.0, 0.0, 50.0], 3: [0.0]}


def test_two_columns(example, rng, tmp_path, monkeypatch, capsys):
    images = rng.integers(0, 256, size=(20, 1, 28, 28), dtype=np.uint8)
    labels = np.arange(20, dtype=np.uint8) % 10

    class Made:
        def __init__(self, train, download):
            self.data, self.targets = images, labels

    monkeypatch.setattr(example.data, "MNIST", Made)
    example.main(["--widths", "14", "0", "--epochs", "1", "--batch-size", "10", "--out", str(tmp_path)])
    record = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(record["columns"]) == 2 and record["images"] == 20 and 0 <= record["committee"] <= 100
    saved = np.load(tmp_path / "columns.npz", allow_pickle=False)
    np.testing.assert_allclose(saved["probabilities"].sum(axis=2), 1, rtol=1e-5)
    assert (tmp_path / "committee.png").stat().st_size > 3000
    assert "2 columns, 20 images" in capsys.readouterr().out


def test_without_the_data_it_says_what_to_do(example, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    with pytest.raises(mc.DataError, match="download=True"):
        example.main(["--epochs", "1", "--out", str(tmp_path)])
