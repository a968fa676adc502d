"""The training loop: it learns, records, stops on NaN with advice, restores modes, and repeats bit for bit."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn, optim
from minicnn.data import DataLoader, TensorDataset
from minicnn.errors import AnomalyError, InputError
from minicnn.train import History, evaluate, fit


def problem(n=60, seed=0):
    """Images of two classes that differ in where the bright half is."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 1, 6, 6)).astype(np.float32) * 0.3
    x[y == 1, :, :3] += 1
    x[y == 0, :, 3:] += 1
    return TensorDataset(x, y)


def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(),
                         nn.Dropout(0.1), nn.Flatten(), nn.Linear(16, 2))


def train(epochs=5, **kwargs):
    mc.manual_seed(3)
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = fit(model, DataLoader(problem(), batch_size=6, shuffle=True), optimizer, epochs=epochs, progress=False, **kwargs)
    return model, history


def test_it_learns_and_records():
    model, history = train(validate=DataLoader(problem(seed=1), batch_size=32))
    assert len(history.steps) == 50 and len(history.epochs) == 5
    assert history.epochs[-1]["test_accuracy"] > 0.95 > 0.7 > history.series("loss")[-1]
    assert evaluate(model, DataLoader(problem(seed=1), batch_size=7))[1] == pytest.approx(history.epochs[-1]["test_accuracy"])


def test_fifty_steps_twice_from_one_seed_are_bitwise_equal():
    (a, first), (b, second) = train(), train()
    assert first.series("loss") == second.series("loss")
    for (name, p), q in zip(a.state_dict().items(), b.state_dict().values()):
        assert p.numpy().tobytes() == q.numpy().tobytes(), name


def test_another_seed_gives_another_run():
    _, first = train()
    mc.manual_seed(4)
    model = net()
    second = fit(model, DataLoader(problem(), batch_size=6, shuffle=True), optim.SGD(model.parameters(), lr=0.1), progress=False)
    assert first.series("loss")[0] != second.series("loss")[0]


def test_nan_loss_says_where_and_what_to_do():
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    optimizer = optim.SGD(model.parameters(), lr=1e39)
    with np.errstate(all="ignore"), pytest.raises(AnomalyError, match=r"fit: the loss is (nan|inf) at step \d+ of epoch 0. Lower"):
        fit(model, DataLoader(problem(), batch_size=6), optimizer, epochs=2, progress=False)


def test_evaluate_restores_every_modules_mode():
    model = net()
    model[5].eval()
    evaluate(model, DataLoader(problem(), batch_size=30))
    assert model.training and model[0].training and not model[5].training


def test_scheduler_max_norm_and_early_stop():
    mc.manual_seed(0)
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, DataLoader(problem(), batch_size=30), optimizer, epochs=9, max_norm=1e-9, progress=False,
                  scheduler=optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5), on_epoch=lambda epoch, h: epoch == 1)
    assert len(history.epochs) == 2 and history.series("lr") == [0.1, 0.1, 0.05, 0.05]


def test_history_survives_json(tmp_path):
    history = History()
    history.add_step(loss=np.float32(0.5))
    history.add_epoch(test_accuracy=1)
    history.to_json(tmp_path / "h.json")
    assert History.from_json(tmp_path / "h.json").to_dict() == history.to_dict()
    assert history.series("test_accuracy") == [1.0]


def test_an_empty_loader_is_refused():
    with pytest.raises(InputError, match="evaluate: loader must be at least one batch"):
        evaluate(net(), [])
