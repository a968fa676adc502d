"""The list of models: each factory with the facts about it that a test checks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

__all__ = ["ModelInfo", "register_model", "list_models", "get_model", "model_info"]


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model as its factory makes it with no arguments."""

    name: str
    factory: Callable[..., Any]
    input_size: tuple  # of one example, such as (3, 224, 224)
    parameters: int  # exact
    macs: int | None  # multiply-adds of one example, exact, in convolutions and linear layers; None: not meaningful
    small: dict  # keywords that make it small enough to train in a test or a lesson
    small_input: tuple  # the size of one example for the small model


_MODELS: dict[str, ModelInfo] = {}


def register_model(*, input_size, parameters, macs, small, small_input=None):
    """Decorate a factory: list it under its own name, with the facts of ModelInfo.

    They are claims: tests/models/test_models.py counts again, and trains the small model until it knows one batch by heart.
    """
    def register(factory):
        _MODELS[factory.__name__] = ModelInfo(factory.__name__, factory, tuple(input_size), parameters, macs, dict(small),
                                              tuple(small_input or input_size))
        return factory
    return register


def list_models(contains=""):
    """The names of all models, in alphabetical order; with `contains`, of those whose name has it."""
    return sorted(name for name in _MODELS if contains in name)


def model_info(name):
    """The ModelInfo of a model."""
    if name not in _MODELS:
        raise InputError("model_info", "name", "one of list_models()", repr(name), "There are " + ", ".join(list_models()))
    return _MODELS[name]


def get_model(name, **options):
    """A new model by its name; the options go to its factory: get_model("resnet18", num_classes=10)."""
    return model_info(name).factory(**options)
