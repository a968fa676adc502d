"""Which convolution algorithm for which convolution: one small decision, which says why and can be overruled.

All algorithms compute the same trilinear form (see conv.py) and are checked against the plain one in conv.py.
"""

import contextlib
import contextvars
import functools

import numpy as np

from ..backend import xp_of
from ..errors import InputError
from . import conv, conv_bands, conv_chunks, conv_depthwise, conv_winograd

__all__ = ["plan", "force", "algorithms", "conv2d", "conv2d_input", "conv2d_weight"]

# name -> module with conv2d, conv2d_input, conv2d_weight; a special one says by `applies` which convolutions it computes
_MODULES = {"im2col": conv, "chunks": conv_chunks, "bands": conv_bands, "depthwise": conv_depthwise, "winograd": conv_winograd}
BANDS = 48  # channels up to which bands are faster than chunks
_forced = contextvars.ContextVar("forced", default=None)


def algorithms():
    """Names of all algorithms."""
    return tuple(_MODULES)


@contextlib.contextmanager
def force(name):
    """`with force("im2col"):` makes every convolution in this thread use one algorithm, wherever that one applies."""
    if name not in _MODULES:
        raise InputError("force", "name", f"one of {', '.join(_MODULES)}", repr(name))
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def plan(x_shape, w_shape, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, dtype=np.float32, xp=np, slot="conv2d"):
    """(name, reason) of the algorithm for input x_shape (n, c, h, w) and weight w_shape (f, c/groups, kh, kw).

    slot: "conv2d", or its gradients "conv2d_input" and "conv2d_weight", which may do better with another one.
    """
    if slot not in ("conv2d", "conv2d_input", "conv2d_weight"):
        raise InputError("plan", "slot", "'conv2d', 'conv2d_input' or 'conv2d_weight'", repr(slot))
    return _chosen(tuple(x_shape), tuple(w_shape), stride, padding, dilation, groups, np.dtype(dtype), xp, slot, _forced.get())


@functools.lru_cache(maxsize=4096)  # a network asks the same few questions at every step
def _chosen(x_shape, w_shape, stride, padding, dilation, groups, dtype, xp, slot, forced):
    def fits(name):
        applies = getattr(_MODULES[name], "applies", None)
        return applies is None or applies(w_shape, stride, dilation, groups, dtype)

    if forced is not None and fits(forced):
        return forced, "forced"
    if fits("depthwise"):
        return "depthwise", "one filter a channel: shifted multiply-adds, no product"
    if xp is not np:
        return "im2col", "on a device the whole batch is one call"
    pixels = x_shape[0] * x_shape[2] * x_shape[3]  # few of them are not worth transforming the kernels
    if fits("winograd") and min(w_shape[:2]) >= 32 and min(x_shape[2:]) >= 4 and pixels >= 2048:
        return "winograd", "3 x 3 with many channels in float32: a quarter of the products"
    if tuple(w_shape[2:]) == (1, 1) and groups == 1:
        return "chunks", "1 x 1: one matrix product over pixels, no columns"
    narrow = conv_chunks.few_filters(w_shape[0], w_shape[1], w_shape[2:], stride, groups)
    read = w_shape[0] if slot == "conv2d_input" else w_shape[1]  # channels of the image whose windows are taken
    if fits("bands") and read <= BANDS and x_shape[3] >= 8 and not (narrow and slot == "conv2d_weight"):
        return "bands", "few channels at stride 1: columns shifted to the side only, seen again for each row"
    if narrow:
        return "chunks", "channels last; columns of the few filters instead of the many channels"
    return "chunks", "channels last, columns of a few samples at a time"


def _run(slot, x_shape, w_shape, dtype, xp, options):
    name, _ = plan(x_shape, w_shape, dtype=dtype, xp=xp, slot=slot, **options)
    return getattr(_MODULES[name], slot)


def conv2d(x, w, **options):
    """T's third slot, by the algorithm that the plan chooses; see conv.conv2d."""
    return _run("conv2d", x.shape, w.shape, x.dtype, xp_of(x, w), options)(x, w, **options)


def conv2d_input(u, w, *, input_size, **options):
    """T's first slot, by the algorithm that the plan chooses; see conv.conv2d_input."""
    shape = (u.shape[0], w.shape[1] * options["groups"], *input_size)
    return _run("conv2d_input", shape, w.shape, u.dtype, xp_of(u, w), options)(u, w, input_size=input_size, **options)


def conv2d_weight(x, u, *, kernel_size, **options):
    """T's second slot, by the algorithm that the plan chooses; see conv.conv2d_weight."""
    shape = (u.shape[1], x.shape[1] // options["groups"], *kernel_size)
    return _run("conv2d_weight", x.shape, shape, x.dtype, xp_of(x, u), options)(x, u, kernel_size=kernel_size, **options)
