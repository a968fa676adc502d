"""The one door to NumPy and CuPy: which module an array belongs to, devices, random streams, scatter-add.

Everything above this floor asks an array for its module (`xp_of(x).exp(x)`) and so runs on either.
"""

import importlib.util
import math
import threading
import zlib

import numpy as np

from .errors import DeviceError, InputError

__all__ = [
    "xp_of", "is_array", "register_array_type", "device_of", "to_device", "to_numpy", "on_host", "scatter_add", "fingerprint",
    "cuda_is_available", "cuda_device_count", "allow_tf32", "tf32_is_allowed",
    "Generator", "default_generator", "manual_seed", "get_rng_state",
    "set_rng_state",
]

_MODULE_OF = {np.ndarray: np}  # array type -> the module that computes with it
_MODULE_ON = {}  # kind of device ("strict") -> the module that makes arrays there, for stand-ins


def register_array_type(array_type, module, device=None):
    """Let `module` (a NumPy look-alike) serve arrays of `array_type`; CuPy registers so, and so does a test's stand-in.

    device: with a name such as "strict", x.to("strict:0") makes arrays by module.asarray.
    """
    _MODULE_OF[array_type] = module
    if device is not None:
        _MODULE_ON[device] = module


def is_array(x):
    """True for a NumPy array, a CuPy array or a registered stand-in (Python and NumPy scalars are not arrays)."""
    return type(x) in _MODULE_OF


def xp_of(*values):
    """The array module (numpy, cupy) of the arrays among `values`; scalars go with any. Mixing two is an error."""
    module = None
    for value in values:
        found = _MODULE_OF.get(type(value))
        if found is not None and found is not module:
            if module is not None:
                raise DeviceError(
                    f"arrays of {module.__name__} and {found.__name__} met in one operation: "
                    "move them to one device first, as in x.to('cuda') or x.to('cpu')"
                )
            module = found
    return np if module is None else module


# ---------------------------------------------------------------------------------------------------- devices

def _cupy(wanted_for):
    """Import CuPy on first use and register its array type, or say what to install."""
    if importlib.util.find_spec("cupy") is None:
        raise DeviceError(
            f"{wanted_for} needs CuPy, which is not installed. "
            "Install it with: pip install 'minicnn[cuda12]' (CUDA 12) or pip install 'minicnn[cuda13]' (CUDA 13)"
        )
    import cupy

    register_array_type(cupy.ndarray, cupy)
    return cupy


def cuda_is_available():
    """True if CuPy is installed and finds a GPU."""
    return cuda_device_count() > 0


def cuda_device_count():
    """Number of GPUs that CuPy finds; 0 without CuPy or without a driver."""
    if importlib.util.find_spec("cupy") is None:
        return 0
    try:
        return _cupy("cuda").cuda.runtime.getDeviceCount()
    except Exception:  # no driver, or a broken CUDA installation: CuPy raises its own types for each
        return 0


def allow_tf32(allow):
    """Let GPUs round the factors of float32 matrix products to TF32: 10 binary digits instead of 23, several times faster.

    Off unless asked for (or unless CuPy's own environment variable CUPY_TF32 is 1). It holds for the whole process, on GPUs
    of compute capability 8.0 and newer; CuPy warns on an older one. Batched products stay in full precision.
    """
    if not isinstance(allow, bool):
        raise InputError("allow_tf32", "allow", "True or False", repr(allow))
    core = _cupy("allow_tf32")._core
    rules = core._routines_linalg
    core.set_compute_type(np.float32, rules.COMPUTE_TYPE_TF32 if allow else rules.COMPUTE_TYPE_DEFAULT)


def tf32_is_allowed():
    """True if float32 matrix products on GPUs may use TF32."""
    core = _cupy("tf32_is_allowed")._core
    return core.get_compute_type(np.float32) == core._routines_linalg.COMPUTE_TYPE_TF32


def _cuda_index(device):
    """'cuda' -> 0, 'cuda:1' -> 1; anything else but 'cpu' is refused."""
    if not isinstance(device, str):
        raise InputError("to", "device", "'cpu', 'cuda' or 'cuda:N'", repr(device))
    kind, _, number = device.partition(":")
    if kind != "cuda" or (number and not number.isdigit()) or (":" in device and not number):
        raise InputError("to", "device", "'cpu', 'cuda' or 'cuda:N'", repr(device))
    return int(number or 0)


def device_of(array):
    """The device name of an array: 'cpu', or 'cuda:0' and so on."""
    if type(array) is np.ndarray or not hasattr(array, "device"):
        return "cpu"
    device = array.device
    return f"cuda:{device.id}" if hasattr(device, "id") else str(device)


def to_device(array, device):
    """`array` on `device` ('cpu', 'cuda', 'cuda:1'); the same object if it is there already."""
    if device == "cpu":
        return to_numpy(array)
    if isinstance(device, str) and device.partition(":")[0] in _MODULE_ON:
        return _MODULE_ON[device.partition(":")[0]].asarray(array)
    index = _cuda_index(device)
    cupy = _cupy(f"device {device!r}")
    if index >= cuda_device_count():
        raise DeviceError(f"device {device!r} was asked for, but CuPy finds {cuda_device_count()} GPU(s)")
    with cupy.cuda.Device(index):
        return cupy.asarray(array)


def to_numpy(array):
    """`array` as a NumPy array on the host: itself if it is one, else a copy."""
    if type(array) is np.ndarray:
        return array
    return array.get() if hasattr(array, "get") else np.asarray(array)


# ------------------------------------------------------------------------------------------------ small helpers

def on_host(array):
    """True for an array in the host's memory, whose values can be looked at without waiting for a device."""
    return type(array) is np.ndarray


def scatter_add(target, index, values):
    """target[index] += values, in place, where repeated indices add up (plain `+=` would keep only the last)."""
    xp = xp_of(target)
    xp.add.at(target, index, values)
    return target


_SUM, _ROW = 1 << 12, 1 << 10  # numbers from which on, and up to which in a row, a sum is worth a call of BLAS


def sum_over(x, axes, keepdims=False):
    """x.sum(axes). Short rows, along the last axes of an array on the host, are multiplied by ones: BLAS takes a tenth of
    `sum`'s time for 16 numbers, and a quarter for 160."""
    count, width = len(axes), math.prod([x.shape[a] for a in axes])
    if (type(x) is np.ndarray and x.size >= _SUM and 1 < width <= _ROW and axes == tuple(range(x.ndim - count, x.ndim))
            and x.dtype.kind == "f" and x.flags.c_contiguous):
        y = x.reshape(-1, width) @ np.ones(width, x.dtype)
        return y.reshape(x.shape[: x.ndim - count] + (1,) * (count if keepdims else 0))
    return x.sum(axis=axes, keepdims=keepdims)


def fingerprint(array):
    """A checksum of an array's bytes: equal fingerprints mean (up to 1 in 2^32) an unchanged array.

    None on a GPU, where every checksum would make the host wait for the device: raw writes go unnoticed there.
    A CRC and nothing cheaper: sums of words times odd factors modulo 2^64 are three times as fast, but an even number of
    changed signs, as of x *= -1 in float64, leaves them as they are.
    """
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8)) if type(array) is np.ndarray else None


# ----------------------------------------------------------------------------------------------- random streams

class Generator:
    """A seeded stream of random numbers (PCG64), whose state can be read and set.

    Draws are made on the host and moved, unless `xp` is CuPy, which draws on the device from a stream
    of its own that follows from this one's seed.
    """

    def __init__(self, seed=0):
        self.manual_seed(seed)

    def manual_seed(self, seed):
        """Start the stream anew from an int >= 0; returns self."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise InputError("manual_seed", "seed", "an int >= 0", repr(seed))
        self._seed = int(seed)
        self.numpy = np.random.Generator(np.random.PCG64(self._seed))
        self._device = {}  # array module -> its own stream on the device
        return self

    def initial_seed(self):
        """The seed that the stream was started from."""
        return self._seed

    def get_state(self):
        """The whole state as a plain dict (JSON can carry it), for `set_state`."""
        return {"seed": self._seed, "numpy": self.numpy.bit_generator.state}

    def set_state(self, state):
        """Go on exactly where `get_state` was called."""
        self._seed = state["seed"]
        self.numpy.bit_generator.state = state["numpy"]
        self._device = {}

    def _stream(self, xp):
        """The host stream for NumPy (and stand-ins without one), a device stream for CuPy."""
        if xp is np or not hasattr(xp, "random"):
            return self.numpy
        if xp not in self._device:
            self._device[xp] = xp.random.Generator(xp.random.XORWOW(int(self.numpy.integers(2**31))))
        return self._device[xp]

    def _place(self, xp, values, dtype):
        return xp.asarray(values, dtype=dtype)

    def uniform(self, shape=(), low=0.0, high=1.0, dtype=np.float32, xp=np):
        """Numbers uniform on [low, high)."""
        draws = self._stream(xp).random(shape, dtype=np.float64 if np.dtype(dtype) == np.float64 else np.float32)
        return self._place(xp, low + (high - low) * draws, dtype)

    def normal(self, shape=(), mean=0.0, std=1.0, dtype=np.float32, xp=np):
        """Numbers from a normal law with the given mean and standard deviation."""
        kind = np.float64 if np.dtype(dtype) == np.float64 else np.float32
        return self._place(xp, mean + std * self._stream(xp).standard_normal(shape, dtype=kind), dtype)

    def bernoulli(self, probability, shape=(), dtype=np.float32, xp=np):
        """Zeros and ones; each is one with the given probability."""
        return self._place(xp, self._stream(xp).random(shape, dtype=np.float32) < probability, dtype)

    def integers(self, low, high, shape=(), dtype=np.int64, xp=np):
        """Integers uniform on low, ..., high - 1."""
        return self._place(xp, self._stream(xp).integers(low, high, shape), dtype)

    def permutation(self, n):
        """A random order of 0, ..., n - 1 (always on the host)."""
        return self.numpy.permutation(n)

    def spawn_seed(self):
        """A fresh seed for another stream, for example one per worker."""
        return int(self.numpy.integers(2**63))


_default = Generator(0)
_lock = threading.Lock()


def default_generator():
    """The stream that is used wherever no `generator` is given."""
    return _default


def manual_seed(seed):
    """Seed the default stream; every run after the same seed draws the same numbers. Returns the stream."""
    with _lock:
        return _default.manual_seed(seed)


def get_rng_state():
    """State of the default stream, for `set_rng_state`."""
    return _default.get_state()


def set_rng_state(state):
    """Put the default stream back into a state that `get_rng_state` returned."""
    _default.set_state(state)
