"""Checkpoints: going on is bitwise the same as never having stopped, a broken file is one clear error, old ones survive."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import resume_runs as runs
import strict  # noqa: F401 registers the stand-in device
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn import backend, nn, optim, train
from minicnn.backend import Generator, default_generator
from minicnn.errors import DataError, InputError
from minicnn.train import Checkpoint, History, load_checkpoint, save_checkpoint
from minicnn.train.tree import flatten, unflatten
from minicnn.weights import safetensors

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}


def weights(model):
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def names(folder):
    return sorted(p.name for p in folder.iterdir())


# --------------------------------------------------------------------------------------- 10 epochs = 5 + new process + 5

BREAKS = {"after 5 epochs": ("epoch", 5 * runs.STEPS), "in the sixth epoch": (4, 5 * runs.STEPS + 3)}


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Every run whole, without a checkpoint, and broken off, then ended by a new process:
    the folder, and {run: (the whole one's model, the file where it was broken off, the whole one's history)}."""
    folder, whole = tmp_path_factory.mktemp("halves"), {}
    for name in runs.RUNS:
        run = runs.start(name)
        history = train.fit(**run, epochs=runs.EPOCHS, progress=False)
        for k, (every, steps) in enumerate(BREAKS.values()):
            broken, label = runs.start(name), f"{name}-{k}"
            with pytest.raises(runs.Stop):
                train.fit(**broken, epochs=runs.EPOCHS, loss=runs.stopping(steps), progress=False,
                          checkpoint=Checkpoint(folder / label, every=every))
            whole[label] = run["model"], Checkpoint(folder / label).latest().name, history
    subprocess.run([sys.executable, runs.__file__, folder, *whole], env=ENVIRONMENT, check=True, timeout=100)
    return folder, whole


@pytest.mark.parametrize("at", BREAKS)
@pytest.mark.parametrize("name", runs.RUNS)
def test_ten_epochs_are_five_and_five_in_a_new_process_bit_for_bit(halves, name, at):
    folder, whole = halves
    label = f"{name}-{list(BREAKS).index(at)}"
    model, broken_at, _ = whole[label]
    assert broken_at == ("step00000030-epoch0005.safetensors" if at == "after 5 epochs" else "step00000032.safetensors")
    rest = {k: v.numpy().tobytes() for k, v in mc.load(folder / f"{label}.npz").items()}
    assert rest == weights(model)
    assert names(folder / label)[-1] == "step00000060-epoch0010.safetensors"


def test_the_final_files_of_both_ways_are_equal_too(halves, tmp_path):
    """Optimizer, schedule, streams and history as well: the whole last checkpoint, byte by byte."""
    folder, _ = halves
    for name in runs.RUNS:
        train.fit(**runs.start(name), epochs=runs.EPOCHS, progress=False, checkpoint=Checkpoint(tmp_path / name))
        last = Checkpoint(tmp_path / name).latest()
        for k in range(len(BREAKS)):
            assert (folder / f"{name}-{k}" / last.name).read_bytes() == last.read_bytes()


# What is left out, and a run that must notice. Each is made wrong after everything was restored: run is what fit got, found
# what else was in the file.
LEFT_OUT = {
    "the default stream": ("adam_dropout_one_cycle_prefetch", lambda run, _: mc.manual_seed(99)),
    "the loader's stream": ("adamw_augmentation_own_streams", lambda run, _: run["loader"].generator.manual_seed(99)),
    "a stream of a module": ("adamw_augmentation_own_streams", lambda run, _: run["model"][4].stream.manual_seed(99)),
    "the loader's position": ("sgd", lambda run, _: run["loader"].__init__(run["loader"].dataset, runs.BATCH, shuffle=True)),
    "the optimizer's state": ("sgd", lambda run, _: run["optimizer"].state.clear()),
    "the schedule's state": ("sgd", lambda run, _: setattr(run["scheduler"], "last_epoch", 0)),
    "weights": ("sgd", lambda run, _: run["model"][0].reset_parameters()),
    "the history": ("sgd", lambda run, _: run["history"].steps.clear()),
    "the sums of the epoch": ("sgd", lambda _, found: found.update(sums=None)),
    "running averages": ("sgd", lambda run, _: run["model"][1].reset_running_stats()),
    "nothing": ("sgd", lambda run, _: None),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_leaving_out_any_part_gives_another_run(halves, tmp_path, monkeypatch, what):
    name, spoil = LEFT_OUT[what]
    with pytest.raises(runs.Stop):
        train.fit(**runs.start(name), loss=runs.stopping(33), epochs=runs.EPOCHS, progress=False,
                  checkpoint=Checkpoint(tmp_path, every=4))
    run, whole, restore = {**runs.start(name), "history": History()}, halves[1][f"{name}-0"], Checkpoint.restore

    def spoiled(self, path=None, **parts):
        found = restore(self, path, **parts)
        spoil(run, found)
        return found

    monkeypatch.setattr(Checkpoint, "restore", spoiled)
    train.fit(**run, epochs=runs.EPOCHS, progress=False, checkpoint=Checkpoint(tmp_path), resume=True)
    same = weights(run["model"]) == weights(whole[0]) and run["history"].to_dict() == whole[2].to_dict()
    assert same == (what == "nothing")


def test_streams_on_a_device_begin_anew_in_both_runs():
    """CuPy's streams have no state to read. Saving sets them anew from the host's, so that resuming can do the same."""
    def device(seed):
        return SimpleNamespace(random=lambda shape, dtype: np.random.default_rng(seed).random(shape, dtype))

    cupy = ModuleType("cupy")
    cupy.asarray, cupy.random = np.asarray, SimpleNamespace(XORWOW=int, Generator=device)
    stream, other = Generator(3), Generator(4)
    stream.uniform((2,), xp=cupy)
    save_checkpoint("run.safetensors", stream=stream)
    load_checkpoint("run.safetensors", stream=other)
    assert stream.uniform((2,), xp=cupy).tolist() == other.uniform((2,), xp=cupy).tolist()


@pytest.mark.parametrize("device", ["strict:0", pytest.param("cuda", marks=pytest.mark.skipif(
    not mc.cuda.is_available(), reason="needs a GPU"))])
@pytest.mark.parametrize("back", ["same", "cpu"])
def test_a_run_on_a_device_goes_on_there_or_on_the_host(device, back):
    """The stand-in for CuPy of strict.py, and a GPU where there is one."""
    def run(device):
        mc.manual_seed(3)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).to(device)
        return {"model": model, "optimizer": optim.Adam(model.parameters())}

    def steps(run, device, count):
        x, y = mc.tensor(np.eye(4, dtype="f")).to(device), mc.tensor([0, 1, 2, 0]).to(device)
        for _ in range(count):
            run["optimizer"].zero_grad()
            nn.functional.cross_entropy(run["model"](x), y).backward()
            run["optimizer"].step()

    first = run(device)
    steps(first, device, 3)
    save_checkpoint("a.safetensors", **first)
    there = device if back == "same" else "cpu"
    second = run(there)
    load_checkpoint("a.safetensors", **second)
    assert {p.device for p in second["model"].parameters()} == {p.device for p in run(there)["model"].parameters()}
    steps(first, device, 3)
    steps(second, there, 3)
    for p, q in zip(first["model"].parameters(), second["model"].parameters(), strict=True):
        close = 0 if device == "strict:0" or back == "same" else 1e-5
        np.testing.assert_allclose(p.detach().cpu().numpy(), q.detach().cpu().numpy(), rtol=close, atol=close)


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ------------------------------------------------------------------------------------------------------ kill -9, full disk

def test_kill_9_at_fifty_random_moments(tmp_path):
    """See kill_runs.py. The newest file is whole each time, no more than one interval is lost, and the end is the same."""
    done = subprocess.run([sys.executable, ROOT / "tests" / "kill_runs.py", tmp_path, "50"], capture_output=True, text=True,
                          env={**ENVIRONMENT, "MINICNN_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["lives"]) == 50
    assert all(0 <= life["taken"] - life["saved"] <= report["every"] for life in report["lives"])
    saved = [life["saved"] for life in report["lives"]]
    assert saved == sorted(saved) and saved[-1] > 100  # it went on each time, and a long way
    assert sum(life["in the middle of a save"] for life in report["lives"]) >= 3
    assert report["same as without"] and report["partial files left"] == 0


def parts():
    mc.manual_seed(1)
    model = nn.Linear(200, 200)
    return {"model": model, "optimizer": optim.Adam(model.parameters())}


def test_a_full_disk_is_a_clear_error_and_keeps_the_old_file(tmp_path):
    save_checkpoint("run.safetensors", **parts())
    old, limits = Path("run.safetensors").read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(DataError, match="run.safetensors: cannot write the file: .*File too large"):
            save_checkpoint("run.safetensors", **parts(), more=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == ["run.safetensors"] and Path("run.safetensors").read_bytes() == old


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fills_up_during_a_run(tmp_path, monkeypatch, call):
    """fit raises the error; the epoch before is there, and once there is room again the run ends as if nothing happened."""
    run = runs.start("sgd")
    real, calls = getattr(os, call), []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(f"minicnn.files.os.{call}", full)
    with pytest.raises(DataError, match="safetensors: cannot write the file: .*No space left"):
        train.fit(**run, epochs=6, progress=False, checkpoint=Checkpoint(tmp_path))
    monkeypatch.undo()
    epochs = 2 if call == "fsync" else 4  # two syncs to a file: its own and the folder's
    assert names(tmp_path) == [f"step{6 * k:08d}-epoch{k:04d}.safetensors" for k in (epochs - 1, epochs)]
    rest = runs.start("sgd")
    train.fit(**rest, epochs=6, progress=False, checkpoint=Checkpoint(tmp_path), resume=True)
    whole = runs.start("sgd")
    train.fit(**whole, epochs=6, progress=False)
    assert weights(rest["model"]) == weights(whole["model"])


# ---------------------------------------------------------------------------------------------------------------- Ctrl-C

def pressing(at, times=1, training=True):
    """A loss function that presses Ctrl-C in a step, or in a batch of the evaluation."""
    steps = [0]

    def loss(output, target):
        steps[0] += mc.is_grad_enabled() == training
        for _ in range(times if steps[0] == at and mc.is_grad_enabled() == training else 0):
            signal.raise_signal(signal.SIGINT)
        return nn.functional.cross_entropy(output, target)
    return loss


@pytest.mark.parametrize("name", ["sgd", "adam_dropout_one_cycle_prefetch"])
@pytest.mark.parametrize("at", [1, 6, 9, 13])  # 6: the last step of the first epoch
def test_ctrl_c_saves_and_the_rest_is_the_same(tmp_path, name, at):
    with pytest.raises(KeyboardInterrupt, match=f"stopped after step {at}; resume=True goes on from .*step{at:08d}"):
        train.fit(**runs.start(name), epochs=3, loss=pressing(at), progress=False, checkpoint=Checkpoint(tmp_path))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    rest = runs.start(name)
    history = train.fit(**rest, epochs=3, progress=False, checkpoint=Checkpoint(tmp_path), resume=True)
    whole = runs.start(name)
    other = train.fit(**whole, epochs=3, progress=False)
    assert weights(rest["model"]) == weights(whole["model"]) and history.to_dict() == other.to_dict()


def test_ctrl_c_in_an_evaluation_waits_for_its_end(tmp_path):
    name = "adam_dropout_one_cycle_prefetch"
    with pytest.raises(KeyboardInterrupt, match="stopped after step 12; .*step00000012-epoch0002"):
        train.fit(**runs.start(name), epochs=3, loss=pressing(5, training=False), progress=False, checkpoint=Checkpoint(tmp_path))
    rest = runs.start(name)
    train.fit(**rest, epochs=3, progress=False, checkpoint=Checkpoint(tmp_path), resume=True)
    whole = runs.start(name)
    train.fit(**whole, epochs=3, progress=False)
    assert weights(rest["model"]) == weights(whole["model"])


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt) as caught:
        train.fit(**runs.start("sgd"), epochs=3, loss=pressing(9, times=2), progress=False, checkpoint=Checkpoint(tmp_path))
    assert not caught.value.args and names(tmp_path) == ["step00000006-epoch0001.safetensors"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_a_checkpoint_ctrl_c_is_as_ever():
    with pytest.raises(KeyboardInterrupt) as caught:
        train.fit(**runs.start("sgd"), epochs=3, loss=pressing(9), progress=False)
    assert not caught.value.args


def test_a_program_s_own_handler_is_left_alone(tmp_path):
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
    try:
        train.fit(**runs.start("sgd"), epochs=2, loss=pressing(3), progress=False, checkpoint=Checkpoint(tmp_path))
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed == [1]


# ------------------------------------------------------------------------------------------------------- which files stay

def learn(folder, accuracies, **options):
    """A run whose test accuracies are given; the names of the files it leaves."""
    run = runs.start("sgd")
    history = train.fit(**run, epochs=len(accuracies), progress=False, checkpoint=Checkpoint(folder, **options),
                        on_epoch=lambda epoch, h: h.epochs[-1].update(score=accuracies[epoch], score_accuracy=accuracies[epoch]))
    return history, [path.name.removesuffix(".safetensors")[-4:] for path in Checkpoint(folder).paths()]


def test_the_last_k_and_the_best_stay(tmp_path):
    assert learn(tmp_path / "k", [0.1] * 5, keep=3)[1] == ["0003", "0004", "0005"]
    history, left = learn(tmp_path / "max", [0.1, 0.8, 0.3, 0.8, 0.2], keep=1, best="score_accuracy")
    assert left == ["0002", "0005"]  # of two equal ones the first
    keeper = Checkpoint(tmp_path / "max", best="score_accuracy")
    assert keeper.best_path(history).name == "step00000012-epoch0002.safetensors"
    assert learn(tmp_path / "min", [0.5, 0.2, 0.3, 0.4], keep=1, best="score")[1] == ["0002", "0004"]
    assert learn(tmp_path / "nan", [float("nan"), 0.2, 0.3, 0.4], keep=1, best="score")[1] == ["0002", "0004"]
    assert learn(tmp_path / "mode", [0.5, 0.2, float("nan"), 0.4], keep=2, best="score", mode="max")[1] == ["0001", "0003", "0004"]


def test_steps_within_an_epoch_count_among_the_last_k(tmp_path):
    train.fit(**runs.start("sgd"), epochs=2, progress=False, checkpoint=Checkpoint(tmp_path, every=4, keep=3))
    left = [path.name for path in Checkpoint(tmp_path).paths()]
    assert left == [f"step{s}.safetensors" for s in ("00000008", "00000012", "00000012-epoch0002")]


def test_the_best_survives_a_resume(tmp_path):
    run = runs.start("sgd")
    scores = [0.9, 0.1, 0.2, 0.3]

    def score(epoch, history):
        history.epochs[-1]["accuracy"] = scores[epoch]

    for epochs in (2, 4):
        train.fit(**run, epochs=epochs, progress=False, resume=True, on_epoch=score,
                  checkpoint=Checkpoint(tmp_path, keep=1, best="accuracy"))
        run = runs.start("sgd")
    assert names(tmp_path) == ["step00000006-epoch0001.safetensors", "step00000024-epoch0004.safetensors"]


def test_other_files_in_the_folder_are_left_alone_and_partial_ones_removed(tmp_path):
    strangers = ["best.safetensors", "history.json", "step1.txt", "xstep00000001.safetensors"]
    for name in [*strangers, ".step00000001.safetensors.x.part"]:
        (tmp_path / name).touch()
    os.utime(tmp_path / ".step00000001.safetensors.x.part", (0, 0))
    train.fit(**runs.start("sgd"), epochs=2, progress=False, checkpoint=Checkpoint(tmp_path, keep=1))
    assert names(tmp_path) == sorted([*strangers, "step00000012-epoch0002.safetensors"])


# ------------------------------------------------------------------------------------------------------ rules of the house

def test_a_new_run_does_not_mix_with_an_old_one(tmp_path):
    fit = {"epochs": 2, "progress": False, "checkpoint": Checkpoint(tmp_path)}
    history = train.fit(**runs.start("sgd"), **fit, resume=True)  # nothing there yet: from the beginning
    with pytest.raises(InputError, match="without checkpoints for a new run, got .*epoch0002.*Pass resume=True"):
        train.fit(**runs.start("sgd"), **fit)
    with pytest.raises(InputError, match="history must be left out"):
        train.fit(**runs.start("sgd"), **fit, resume=True, history=history)
    again = train.fit(**runs.start("sgd"), **fit, resume=True)  # all epochs are done
    assert again.to_dict() == history.to_dict()


@pytest.mark.parametrize(("options", "message"), [
    ({"resume": True}, "resume must be False without a checkpoint"),
    ({"checkpoint": "folder"}, "checkpoint must be a train.Checkpoint or None, got str"),
    ({"checkpoint": Checkpoint("f", every=3), "loader": [(mc.zeros(2, 3, 8, 8), mc.tensor([0, 1]))]}, "of every='epoch' for"),
    ({"checkpoint": Checkpoint("f", best="test_accuracy")}, "best must be one of train_loss, train_accuracy, got 'test_accuracy'"),
])
def test_what_fit_refuses(options, message):
    with pytest.raises(InputError, match=message):
        train.fit(**{**runs.start("sgd"), **options}, progress=False)


@pytest.mark.parametrize(("options", "message"), [
    ({"every": 0}, "every must be 'epoch' or an int >= 1, got 0"), ({"every": True}, "every must be"),
    ({"every": "step"}, "every must be"), ({"keep": 0}, "keep must be an int >= 1"), ({"best": 3}, "best must be"),
    ({"mode": "max"}, "mode must be 'max' or 'min', for best"), ({"best": "a", "mode": "up"}, "mode must be"),
])
def test_what_checkpoint_refuses(options, message):
    with pytest.raises(InputError, match=message):
        Checkpoint("folder", **options)


def test_a_plain_list_of_batches_is_saved_by_the_epoch(tmp_path):
    run = {**runs.start("sgd"), "loader": [(mc.zeros(2, 3, 8, 8), mc.tensor([0, 1]))] * 3}
    with pytest.raises(KeyboardInterrupt, match="stopped after step 5; resume=True goes on from .*step00000003"):
        train.fit(**run, epochs=3, loss=pressing(5), progress=False, checkpoint=Checkpoint(tmp_path))
    assert names(tmp_path) == ["step00000003-epoch0001.safetensors"]


# ------------------------------------------------------------------------------------------------------------ single files

def test_any_parts_and_plain_data(tmp_path):
    run, stream = runs.start("sgd"), Generator(3)
    stream.uniform((5,))
    data = {"epoch": 3, "name": "a", "list": [1, (2, None)], 5: np.arange(3), "nan": float("nan"), "inf": -np.inf,
            "x": np.float64(0.1)}
    save_checkpoint("a.safetensors", generator_net=run["model"], stream=stream, data=data, nothing=None)
    expected, drawn = stream.uniform((4,)), default_generator().uniform((4,))
    other, fresh = runs.start("sgd")["model"], Generator(0)
    other[0].weight.data[...] = 0
    rest = load_checkpoint("a.safetensors", generator_net=other, stream=fresh)
    assert weights(other) == weights(run["model"]) and np.array_equal(fresh.uniform((4,)), expected)
    assert np.array_equal(default_generator().uniform((4,)), drawn)
    assert rest["nothing"] is None and rest["data"].pop(5).tolist() == [0, 1, 2] and np.isnan(rest["data"].pop("nan"))
    assert rest["data"] == {"epoch": 3, "name": "a", "list": [1, (2, None)], "inf": -np.inf, "x": 0.1}
    assert safetensors.read("a.safetensors")[0].keys() >= {"generator_net/0.weight", "data/5"}  # any tool can read the weights


def test_thousands_of_layers_fit(tmp_path):
    """ResNet-1202 has 7,000 arrays of its own, and a momentum for half of them."""
    model = nn.Sequential(*(nn.BatchNorm2d(1) for _ in range(1800)))
    optimizer = optim.Adam(model.parameters())
    model(mc.randn(2, 1, 2, 2)).sum().backward()
    optimizer.step()
    save_checkpoint("a.safetensors", model=model, optimizer=optimizer)
    other = nn.Sequential(*(nn.BatchNorm2d(1) for _ in range(1800)))
    load_checkpoint("a.safetensors", model=other, optimizer=optim.Adam(other.parameters()))
    assert weights(other) == weights(model) and len(safetensors.read_header("a.safetensors")[0]) == 9000 + 7200


def test_what_does_not_fit_says_which_part_of_which_file():
    run = runs.start("sgd")
    save_checkpoint("a.safetensors", model=run["model"], optimizer=run["optimizer"], scheduler=run["scheduler"])
    other = runs.start("adam_dropout_one_cycle_prefetch")
    for objects, message in (
        ({"model": nn.Linear(2, 3)}, "its part 'model' does not fit the Linear: .*missing: weight"),
        ({"optimizer": optim.SGD(nn.Linear(2, 3).parameters(), lr=1)}, "its part 'optimizer' does not fit the SGD: .*groups with"),
        ({"scheduler": other["scheduler"]}, "its part 'scheduler' does not fit the OneCycleLR"),
        ({"scheduler": None}, r"its part 'scheduler' does not fit the NoneType: .*that was saved, object \[\], got nothing"),
        ({"model": run["optimizer"]}, "of the kind that was saved, module"),
        ({"model": nn.Sequential(*run["model"], runs.Noise())}, r"that was saved, module \[\], got module \['6.stream'\]"),
        ({"loader": other["loader"]}, "has no part 'loader', only model, optimizer, scheduler"),
    ):
        with pytest.raises(DataError, match=f"a.safetensors: {message}" if message.startswith(("its", "has")) else message):
            load_checkpoint("a.safetensors", **objects)
    mc.save(run["model"], "w.safetensors")
    with pytest.raises(DataError, match="w.safetensors: not a checkpoint"):
        load_checkpoint("w.safetensors", model=run["model"])


def test_an_object_that_cannot_be_saved_is_named():
    with pytest.raises(InputError, match="things/1 must be made of numbers.*got object"):
        save_checkpoint("a.safetensors", things=[1, object()])
    with pytest.raises(InputError, match="a part's name must be without '/'"):
        save_checkpoint("a.safetensors", **{"a/b": 1})
    assert not Path("a.safetensors").exists()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(
    st.integers() | st.text(max_size=3) | st.none(), inner, max_size=3), max_leaves=12)


@given(TREES)
def test_trees_come_back_as_they_were(tree):
    plain, arrays = flatten(tree)
    again = unflatten(json.loads(json.dumps(plain)), arrays)
    assert again == tree and repr(again) == repr(tree)  # repr tells 1 from True and a tuple from a list


def test_history_comes_back_with_gaps_and_nan():
    history = History([{"loss": 0.1, "lr": 1e-3}, {"loss": float("inf")}, {}], [{"a": 1.0}])
    again = History()
    again.load_state_dict(history.state_dict())
    assert again.to_dict() == history.to_dict()
    empty = History()
    empty.load_state_dict(History().state_dict())
    assert empty.to_dict() == {"steps": [], "epochs": []}


# --------------------------------------------------------------------------------------------------------- damaged content

def rewritten(change, path="bad.safetensors"):
    """A whole safetensors file in which the checkpoint's own content lies."""
    arrays, metadata = safetensors.read("good.safetensors")
    [(key, text)] = metadata.items()
    state = json.loads(text)
    change(arrays, metadata, state)
    if metadata.get(key) == text:
        metadata[key] = json.dumps(state)
    mc.save(arrays, path, metadata)


LIES = {
    "no metadata": lambda a, m, s: m.clear(),
    "another format": lambda a, m, s: m.update({"minicnn checkpoint 99": m.popitem()[1]}),
    "no JSON": lambda a, m, s: m.update(dict.fromkeys(m, "{")),
    "a state that is a number": lambda a, m, s: m.update(dict.fromkeys(m, "3")),
    "no parts": lambda a, m, s: s.pop("parts"),
    "parts are a list": lambda a, m, s: s.update(parts=[1]),
    "a part without kind": lambda a, m, s: s["kinds"].pop("model"),
    "no streams": lambda a, m, s: s["streams"].clear(),
    "no default stream": lambda a, m, s: s.pop("random"),
    "a broken default stream": lambda a, m, s: s["random"].update(numpy={}),
    "a default stream of another kind": lambda a, m, s: s["random"]["numpy"].update(bit_generator="MT19937"),
    "an unknown node": lambda a, m, s: s["parts"].update(history={"set": []}),
    "an empty node": lambda a, m, s: s["parts"].update(history={}),
    "a missing array": lambda a, m, s: a.pop("model/weight"),
    "an array of another shape": lambda a, m, s: a.update({"model/weight": np.zeros((1, 1), "f")}),
    "a momentum of another shape": lambda a, m, s: a.update({"optimizer/state/0/exp_avg": np.zeros((1, 1), "f")}),
    "an optimizer that is a number": lambda a, m, s: s["parts"].update(optimizer=3),
    "a learning rate that is text": lambda a, m, s: s["parts"].update(optimizer={"dict": [["state", {"dict": []}], ["param_groups", [
        {"dict": [["params", [0, 1]], ["lr", "fast"]]}]], ["stepped", True]]}),
    "an unhashable key": lambda a, m, s: s["parts"].update(history={"dict": [[[1], 2]]}),
    "deep nesting": lambda a, m, s: s["parts"].update(history=json.loads("[" * 900 + "]" * 900)),
    "a history of unequal columns": lambda a, m, s: a.update({"history/steps/columns/loss/1": np.zeros(1)}),
    "a loader's state without streams": lambda a, m, s: s["parts"].update(loader={"dict": [
        ["generator", 1], ["epoch", None], ["sampler", {"dict": []}]]}),
}


@pytest.mark.parametrize("case", LIES)
def test_whole_files_with_lying_content_are_one_typed_error(tmp_path, case):
    objects = parts() | {"history": History([{"loss": 1.0}, {"loss": 2.0}]), "loader": runs.start("sgd")["loader"]}
    objects["model"](mc.zeros(1, 200)).sum().backward()
    objects["optimizer"].step()
    save_checkpoint("good.safetensors", **objects)
    load_checkpoint("good.safetensors", **objects)
    rewritten(LIES[case])
    with pytest.raises(DataError, match="bad.safetensors: "):
        load_checkpoint("bad.safetensors", **objects)
    assert names(tmp_path) == ["bad.safetensors", "good.safetensors"]
    backend.manual_seed(0)


@pytest.mark.parametrize("sums", [[], {"loss": 1.0}, {"loss": "a", "hits": 1, "count": 1}, {"loss": 1.0, "hits": True, "count": 1}])
def test_sums_that_are_none_are_refused_by_fit(tmp_path, sums):
    checkpoint, run = Checkpoint(tmp_path), runs.start("sgd")
    checkpoint.save(History(), False, model=run["model"], optimizer=run["optimizer"], scheduler=run["scheduler"],
                    loader=run["loader"], validate=None, sums=sums)
    with pytest.raises(DataError, match="step00000000.safetensors: a damaged checkpoint: the sums"):
        train.fit(**run, progress=False, checkpoint=checkpoint, resume=True)
