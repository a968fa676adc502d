"""What a model is made of: its tree of layers, their output shapes, parameters and multiply-adds.

A multiply-add (MAC) is one product added to a sum. Counted are convolutions and linear layers, the input maps of attention
among them; biases, activations, pooling, normalization and the two attention products are not. What papers print as
"FLOPs" is mostly this number; true floating-point operations are about twice as many.
"""

import math
from contextlib import contextmanager
from dataclasses import dataclass

from .. import nn
from ..autograd import no_grad
from ..create import zeros
from ..errors import InputError
from ..tensor import Tensor

__all__ = ["Row", "Summary", "summary", "count_parameters", "count_macs"]


@dataclass(frozen=True)
class Row:
    """One module of the tree with all that lies below it."""

    name: str
    kind: str
    depth: int
    output_shape: tuple | None  # None: not called, or its result is no tensor; a list for several tensors
    parameters: int
    macs: int


@dataclass(frozen=True)
class Summary:
    """The rows of the tree, the model itself first; `print` shows them as a table."""

    rows: tuple
    parameters: int
    trainable: int
    macs: int

    def __str__(self):
        lines = [("layer", "output shape", "parameters", "multiply-adds")]
        lines += [(f"{'  ' * r.depth}{r.name + ': ' if r.name else ''}{r.kind}", shape_text(r.output_shape),
                   f"{r.parameters:,}", f"{r.macs:,}") for r in self.rows]
        a, b, c, d = (max(map(len, column)) for column in zip(*lines))
        table = [f"{w:<{a}}  {x:<{b}}  {y:>{c}}  {z:>{d}}".rstrip() for w, x, y, z in lines]
        rule = "-" * (a + b + c + d + 6)
        totals = (f"parameters {self.parameters:,} ({self.trainable:,} trainable), multiply-adds {self.macs:,} "
                  "(convolutions and linear layers)")
        return "\n".join([table[0], rule, *table[1:], rule, totals])


def shape_text(shape):
    """(1, 64, 8, 8) as 1x64x8x8, a list of shapes one after the other."""
    if isinstance(shape, list):
        return ", ".join(map(shape_text, shape))
    return "-" if shape is None else "x".join(map(str, shape)) or "scalar"


def shape_of(result):
    """The shape of a tensor, a list of those in a tuple or list, None for anything else."""
    if isinstance(result, (tuple, list)):
        shapes = [s for s in map(shape_of, result) if s is not None]
        return shapes[0] if len(shapes) == 1 else shapes or None
    return tuple(result.shape) if isinstance(result, Tensor) else None


def layer_macs(module, args, result):
    """Multiply-adds of one call of one layer, those of the modules below it left out.

    Convolution: each output entry sums over weight[0], that is C/groups x kernel. Transposed convolution: each input entry
    is multiplied by all of weight[0]. Linear: each output entry sums over the input features.
    """
    if isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d)):
        return math.prod(args[0].shape) * math.prod(module.weight.shape[1:])
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
        return math.prod(result.shape) * math.prod(module.weight.shape[1:])
    if isinstance(module, nn.MultiheadAttention):  # its three input maps share one weight; out_proj is a module of its own
        return sum(math.prod(x.shape) for x in args[:3]) * module.embed_dim
    return 0


def count_parameters(model, trainable_only=False):
    """How many numbers a model learns; shared ones count once, buffers do not."""
    check_model("count_parameters", model)
    return sum(math.prod(p.shape) for p in model.parameters() if p.requires_grad or not trainable_only)


def count_macs(model, input_size=None, inputs=None):
    """Multiply-adds of one forward pass; arguments as for `summary`."""
    return summary(model, input_size, inputs).macs


def summary(model, input_size=None, inputs=None):
    """The tree of a model's layers after one forward pass in evaluation mode, as a Summary.

    input_size: the shape of one example without the batch, (3, 224, 224), or several such for a model of several inputs; a
    batch of one of zeros is passed. inputs: instead of it, the arguments themselves, a tensor or a tuple of them; then
    everything is counted for that batch. The model is left as it was: same modes, no gradients, no hooks.
    """
    check_model("summary", model)
    args = example_inputs(model, input_size, inputs)
    shapes, macs = {}, dict.fromkeys(map(id, model.modules()), 0)

    def note(module, args, result):
        shapes[id(module)] = shape_of(result)
        macs[id(module)] += layer_macs(module, args, result)

    with evaluating(model), hooked(model, note), no_grad():
        model(*args)
    rows = tuple(tree("", model, 0, shapes, macs, set()))
    return Summary(rows, count_parameters(model), count_parameters(model, trainable_only=True), sum(macs.values()))


def tree(name, module, depth, shapes, macs, seen):
    """A Row for a module and for each below it; one that stands in the tree twice counts where it comes first."""
    again = id(module) in seen
    below = [] if again else [m for m in module.modules() if id(m) not in seen]
    parameters = {id(p): math.prod(p.shape) for m in below for p in m.parameters(recurse=False)}
    yield Row(name, type(module).__name__ + (" (again)" if again else ""), depth, shapes.get(id(module)),
              sum(parameters.values()), sum(macs[id(m)] for m in below))
    seen.add(id(module))
    if not again:
        for child_name, child in module.named_children():
            yield from tree(child_name, child, depth + 1, shapes, macs, seen)


def check_model(function, model):
    """Refuse what is no module."""
    if not isinstance(model, nn.Module):
        hint = "Call it first, to make the model" if callable(model) else ""
        raise InputError(function, "model", "an nn.Module", getattr(model, "__name__", type(model).__name__), hint)


def example_inputs(model, input_size, inputs):
    """The arguments of the forward pass, a tuple; zeros in the dtype and on the device of the parameters."""
    if (input_size is None) == (inputs is None):
        raise InputError("summary", "input_size, inputs", "one of the two", "both" if inputs is not None else "neither")
    if inputs is not None:
        return tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    several = isinstance(input_size, (tuple, list)) and any(isinstance(n, (tuple, list)) for n in input_size)
    sizes = input_size if several else [input_size]
    for size in sizes:
        if not isinstance(size, (tuple, list)) or not all(isinstance(n, int) and n > 0 for n in size):
            raise InputError("summary", "input_size", "positive integers, such as (3, 224, 224)", input_size)
    like = next(model.parameters(), None)
    where = {} if like is None else {"dtype": like.dtype, "device": like.device}
    return tuple(zeros(1, *size, **where) for size in sizes)


@contextmanager
def evaluating(model):
    """Every module in evaluation mode, afterwards each in the mode it had."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def hooked(model, hook):
    """A forward hook on every module, taken off afterwards."""
    handles = [m.register_forward_hook(hook) for m in model.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
