"""minicnn: deep learning from scratch, on NumPy and CuPy, to be read as well as used."""

from . import cuda, data, inspect, models, nn, ode, ops, optim, testing, train
from ._version import __version__
from .autograd import detect_anomaly, enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .backend import Generator, get_rng_state, manual_seed, set_rng_state
from .create import (
    arange,
    empty,
    eye,
    from_numpy,
    full,
    linspace,
    ones,
    ones_like,
    rand,
    randint,
    randn,
    randperm,
    zeros,
    zeros_like,
)
from .derivatives import checkpoint, grad, hessian, hvp, jacobian, jvp, vjp
from .errors import AnomalyError, DataError, DeviceError, GraphError, InputError, MinicnnError
from .functions import *  # noqa: F403
from .functions import __all__ as _functions
from .kernels import get_num_threads, set_num_threads
from .tensor import Tensor, as_tensor, tensor
from .weights import load, save

__all__ = [
    "cuda", "data", "inspect", "models", "nn", "ode", "ops", "optim", "testing", "train", "__version__",
    "detect_anomaly", "enable_grad", "is_grad_enabled", "no_grad", "set_grad_enabled",
    "Generator", "get_rng_state", "manual_seed", "set_rng_state",
    "arange", "empty", "eye", "from_numpy", "full", "linspace", "ones", "ones_like", "rand", "randint", "randn", "randperm",
    "zeros", "zeros_like", "load", "save", "checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "vjp",
    "AnomalyError", "DataError", "DeviceError", "GraphError", "InputError", "MinicnnError",
    "get_num_threads", "set_num_threads", "Tensor", "as_tensor", "tensor", *_functions,
]
