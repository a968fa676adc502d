"""Every registered model: the counts it claims, its output, a gradient for each parameter, one batch learnt by heart."""

import importlib
import pkgutil

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect, models, nn, optim
from minicnn.errors import InputError
from minicnn.nn import functional as F

NAMES = models.list_models()


def logits_of(output):
    """The main output of a model that returns others beside it (auxiliary classifiers)."""
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize("name", NAMES)
def test_parameters_macs_and_output_shape_are_as_registered(name):
    info = models.model_info(name)
    with nn.init.no_init():
        model = info.factory()
    seen = inspect.summary(model, info.input_size)
    assert seen.parameters == info.parameters
    assert info.macs is None or seen.macs == info.macs
    assert seen.rows[0].output_shape is not None


@pytest.mark.parametrize("name", NAMES)
def test_small_model_knows_one_batch_by_heart(name, rng):
    info = models.model_info(name)
    model = info.factory(num_classes=3, **info.small)
    x = mc.tensor(rng.normal(size=(6, *info.small_input)).astype(np.float32))
    y = mc.tensor(np.array([0, 1, 2, 0, 1, 2]))
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    first = None
    for _ in range(150):
        logits = logits_of(model(x))
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        if first is None:
            first = loss.item()
            assert logits.shape == (6, 3)
            silent = [n for n, p in model.named_parameters() if p.grad is None]
            assert not [n for n in silent if "aux" not in n], f"no gradient for {silent}"
        if loss.item() < 0.1 * first:
            break
        optimizer.step()
    assert loss.item() < 0.1 * first, f"{name}: loss {first:.3f} at first, {loss.item():.3f} after 150 steps"


def test_every_public_factory_is_registered():
    """A model file's __all__ holds classes (blocks) and factories; each function among them is in the list."""
    for module in pkgutil.iter_modules(models.__path__):
        if module.name == "registry":
            continue
        file = importlib.import_module(f"minicnn.models.{module.name}")
        for name in file.__all__:
            thing = getattr(file, name)
            assert getattr(models, name) is thing, f"minicnn.models lacks {name} of {module.name}.py"
            if not isinstance(thing, type):
                assert name in NAMES, f"{module.name}.{name} is not registered"


def test_list_and_get():
    assert "lenet5" in models.list_models("lenet")
    assert isinstance(models.get_model("lenet5", num_classes=7)[-1], nn.Linear)
    with pytest.raises(InputError, match="lenet5"):
        models.get_model("lenet6")


def test_lenet_in_today_s_form():
    model = models.lenet5(activation=nn.ReLU, pooling=nn.MaxPool2d)
    assert model(mc.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("size", [4, 7, 28])
def test_small_cnn_takes_any_size(size):
    assert models.small_cnn()(mc.zeros(2, 1, size, size)).shape == (2, 10)
