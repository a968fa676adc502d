"""examples/train_cifar10.py: the schedule, and one epoch on made-up pictures with everything it writes."""

import importlib.util
import signal
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn import train
from minicnn.errors import InputError

PATH = Path(__file__).parents[2] / "examples" / "train_cifar10.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("train_cifar10", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pictures(tmp_path, monkeypatch, rng):
    """A CIFAR-10 of ten pictures in each of its files."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]:
        records = rng.integers(256, size=(10, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(10)
        records.tofile(folder / name)
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    return tmp_path


def test_rate_is_the_paper_s(example):
    """(12.15), 64,000 steps; and the warm-up of the net of 110 layers."""
    factor = example.rate(64_000, warmup=0)
    assert [factor(t) for t in (0, 31_999, 32_000, 47_999, 48_000, 63_999)] == [1, 1, 0.1, 0.1, 0.01, 0.01]
    assert [example.rate(64_000, warmup=400)(t) for t in (0, 399, 400)] == [0.1, 0.1, 1]
    assert -(-64_000 // -(-45_000 // 128)) == example.parse([]).epochs


def test_an_epoch_writes_weights_history_and_picture(example, pictures, capsys):
    out = pictures / "out"
    example.main(["--epochs", "1", "--batch-size", "16", "--limit", "32", "--workers", "0", "--out", str(out)])
    assert {p.name for p in out.iterdir()} == {"checkpoints", "best.safetensors", "history.json", "history.png"}
    history = train.History.from_json(out / "history.json")
    assert len(history.steps) == 2 and set(history.epochs[0]) == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}
    example.main(["--evaluate", str(out / "best.safetensors"), "--limit", "32", "--workers", "0"])
    last = history.epochs[-1]
    assert f"test error {1 - last['test_accuracy']:.2%}, loss {last['test_loss']:.4f}" in capsys.readouterr().out


def test_a_run_that_is_resumed_ends_as_one_without_a_break(example, pictures):
    def run(name, *options):
        example.main(["--batch-size", "16", "--limit", "32", "--workers", "1", "--epochs", "2", "--out", str(pictures / name),
                      *options])
        return (pictures / name / "history.json").read_text(), mc.load(pictures / name / "best.safetensors")["fc.weight"].tolist()

    with pytest.MonkeyPatch.context() as patch:  # Ctrl-C while the first epoch's picture is drawn
        patch.setattr(example, "plot", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt, match="stopped after step 2; resume=True goes on from .*epoch0001"):
            run("broken")
    with pytest.raises(InputError, match="Pass resume=True"):
        run("broken")
    assert run("broken", "--resume") == run("whole")


def test_augmented_pictures_are_crops_and_mirrors_around_the_mean(example, pictures):
    args = example.parse(["--limit", "50", "--workers", "0"])
    batches, test_batches = example.loaders(args)
    x = np.concatenate([images.numpy() for images, _ in batches])
    assert x.shape == (50, 3, 32, 32) and x.dtype == np.float32
    plain = np.concatenate([images.numpy() for images, _ in test_batches])
    assert abs(plain.mean()) < 0.05 and not (plain == 0).all(axis=(1, 2)).any()
    assert (x == 0).all(axis=1).any()  # zeros came in from outside
