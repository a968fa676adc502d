"""Never a silent wrong gradient: programs of the kind that people write by accident. Each raises a readable error, or is right.

A program takes x, a (3, 4) leaf in float64, and returns a scalar tensor; what it does to its inputs on the way is its own affair.
`refused` programs must raise a MinicnnError that matches; `right` ones must give the gradient that differences give.
"""

import threading

import numpy as np
import pytest
from strict import to_strict

import minicnn as mc
from minicnn import nn, optim
from minicnn.errors import MinicnnError
from minicnn.nn import functional as F

REFUSED, RIGHT = {}, {}


def refused(message):
    """The program, its backward included, must raise an error with this message."""
    def register(program):
        REFUSED[program.__name__] = program, message
        return program
    return register


def right(program):
    """The program must give the gradient of what it computed."""
    RIGHT[program.__name__] = program
    return program


# --------------------------------------------------------------------------------------- arrays that rules need, overwritten


@refused("is part of a graph")
def argument_of_a_product_overwritten(x):
    u = x * 2
    y = (u * u).sum()
    u.add_(1)
    return y


@refused("is part of a graph")
def result_of_exp_overwritten(x):
    y = x.exp()
    z = y.sum()
    y.mul_(2)
    return z


@refused("changed in place")
def raw_data_overwritten(x):
    u = x * 2
    y = (u * u).sum()
    u.data[0, 0] = 7
    return y


@refused("changed in place")
def second_of_two_equal_parts_overwritten(x):
    u = x * 2
    first, second = (u[i : i + 1].detach().numpy() for i in range(2))
    y = (u * u).sum()
    second += first
    return y


@refused("changed in place")
def numpy_view_overwritten_later(x):
    u = x * 2
    array = u.detach().numpy()
    y = (u * u).sum()
    array += 1
    return y


@refused("changed in place")
def view_overwritten(x):
    u = x * 2
    row = u[0]
    y = (u * u).sum()
    row.detach().zero_()
    return y


@refused("changed in place")
def base_overwritten_under_a_view(x):
    u = x * 2
    row = u[1]
    y = (row * row).sum()
    u.detach()[1] = mc.zeros(4, dtype=np.float64)
    return y


@refused("changed in place")
def weights_stepped_between_forward_and_backward(x):
    layer = nn.Linear(4, 2).double()
    loss = (layer(x) ** 2).sum()
    loss.backward(retain_graph=True)
    optim.SGD(layer.parameters(), lr=0.1).step()
    return loss


@refused("changed in place")
def weights_loaded_between_forward_and_backward(x):
    layer = nn.Linear(4, 2).double()
    loss = (layer(x) ** 2).sum()
    layer.load_state_dict({k: mc.zeros_like(v) for k, v in layer.state_dict().items()})
    return loss


@refused("changed in place")
def data_attribute_exchanged(x):
    w = mc.tensor(np.ones((3, 4)), requires_grad=True)
    y = (w * x * x).sum()
    w.data = np.full((3, 4), 9.0)
    return y


@right
def input_array_overwritten_after_the_tensor_was_made(x):
    array = np.full((3, 4), 2.0)
    y = (mc.tensor(array) * x * x).sum()  # tensor() copies
    array[...] = 100
    return y


@refused("changed in place")
def shared_array_overwritten(x):
    array = np.full((3, 4), 2.0)
    y = (mc.from_numpy(array) * x * x).sum()  # from_numpy() shares
    array[...] = 100
    return y


@right
def plain_array_overwritten(x):
    array = np.full((3, 4), 2.0)
    y = (x * x * array).sum()
    array[...] = 100
    return y


@right
def index_overwritten(x):
    index = np.array([0, 2, 2])
    y = (x[index] ** 2).sum()
    index[:] = 1
    return y


@right
def labels_overwritten(x):
    labels = mc.tensor(np.array([0, 3, 1]))
    y = F.cross_entropy(x, labels)
    labels.fill_(2)
    return y


@refused("changed in place")
def mask_overwritten(x):
    mask = mc.tensor(np.eye(3, 4) > 0)
    y = (mc.where(mask, x * x, x)).sum()
    mask.fill_(True)
    return y


@right
def value_no_rule_needs_overwritten(x):
    u = x + 1
    y = (u + u).sum()
    u.detach().zero_()
    return y


@right
def gradient_argument_overwritten_afterwards(x):
    y = x * x
    g = mc.ones(3, 4, dtype=np.float64)
    y.backward(g)
    g.zero_()
    found = x.grad.clone()
    x.grad = None
    return (found * x.detach() * 0).sum() + (x * x).sum()


# ------------------------------------------------------------------------------------------------------------- freed graphs


@refused("freed by an earlier backward")
def backward_twice(x):
    y = (x * x).sum()
    y.backward()
    return y


@refused("freed by an earlier backward")
def shared_part_freed(x):
    u = x * x
    (u * 2).sum().backward()
    return (u * 3).sum()


@right
def backward_twice_retained(x):
    y = (x * x).sum()
    y.backward(retain_graph=True)
    x.grad = None
    return y


# ------------------------------------------------------------------------------------------------------ detached by accident


@refused("nothing was recorded")
def loss_made_anew_from_its_number(x):
    return mc.tensor((x * x).sum().item())


@refused("nothing was recorded")
def under_no_grad(x):
    with mc.no_grad():
        return (x * x).sum()


@refused("nothing was recorded")
def generator_that_switches_recording_off(x):
    def batches():
        with mc.no_grad():
            yield x

    return sum((u * u).sum() for u in batches())


@refused("requires a gradient")
def through_an_array_of_the_same_tensor(x):
    return (x * x.numpy()).sum()


@refused("requires a gradient")
def numpy_of_a_recorded_tensor(x):
    return mc.tensor((x * x).numpy().sum())


@refused("requires a gradient")
def value_with_gradient_written_into_a_buffer(x):
    out = mc.zeros(3, 4, dtype=np.float64)
    out[0] = x[0] * x[0]
    return out.sum() + x.sum()


@refused("requires a gradient|in place|in-place")
def leaf_overwritten(x):
    x.add_(1)
    return (x * x).sum()


@right
def recording_off_in_another_thread(x):
    thread = threading.Thread(target=lambda: mc.no_grad().__enter__())
    thread.start()
    thread.join()
    return (x * x).sum()


# -------------------------------------------------------------------------------------------- integers, constants, mixtures


@refused("nothing was recorded|no gradient|floating")
def through_argmax(x):
    return x.argmax(dim=1).float().sum()


@refused("nothing was recorded|constant")
def through_floor(x):
    return x.floor().sum()


@refused("floating|gradient")
def integers_that_require_a_gradient(x):
    return mc.tensor(np.arange(3), requires_grad=True).sum()


@right
def rounded_beside_a_smooth_path(x):
    return (x * x.round()).sum()


@right
def float32_weights_on_float64_inputs(x):
    w = mc.tensor(np.ones((3, 4), np.float32) * 1.5, requires_grad=True)
    return (w * x * x).sum()


@right
def python_and_numpy_numbers(x):
    return (np.float32(0.5) * x * x + np.int64(2) * x - 1).sum()


@refused("met in one operation")
def two_devices(x):
    return (x * mc.Tensor._make(to_strict(np.ones((3, 4))))).sum()


# -------------------------------------------------------------------------------------------------------------------- aliases


@right
def same_tensor_twice(x):
    return (x * x).sum() + mc.cat([x, x]).pow(2).sum() + mc.maximum(x, x).sum() + (x @ x.mT).sum()


@right
def a_view_and_its_base(x):
    return (x[0] * x[0] * x).sum() + (x.reshape(12)[:4] * x[2]).sum()


@right
def overlapping_rows(x):
    return x[np.array([0, 0, 1])].pow(2).sum() + x.expand(2, 3, 4).pow(2).sum()


@right
def augmented_assignment_makes_a_new_tensor(x):
    u = x * 1
    y = (u * u).sum()
    u += u
    return y + 0 * u.sum()


@right
def tied_weights(x):
    layer = nn.Linear(4, 4, bias=False).double()
    layer.weight.data[...] = np.linspace(-1, 1, 16).reshape(4, 4)
    return (layer(layer(x)) ** 2).sum()


@refused("run again gave another result")
def checkpoint_with_a_generator_of_its_own(x):
    stream = mc.Generator(3)
    return mc.checkpoint(lambda u: F.dropout(u * u, 0.5, generator=stream), x).sum()


@right
def checkpoint_with_the_default_stream(x):
    mc.manual_seed(3)
    return mc.checkpoint(lambda u: F.dropout(u * u, 0.5), x).sum()


# --------------------------------------------------------------------------------------------------------------------- tests


def values():
    """Entries away from the kinks of rounding and of maxima."""
    return np.random.default_rng(7).normal(size=(3, 4)) + 0.13


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    program, message = REFUSED[name]
    x = mc.tensor(values(), requires_grad=True)
    with pytest.raises(MinicnnError, match=message) as caught:
        program(x).backward()
    assert len(str(caught.value)) < 500
    mc.set_grad_enabled(True)


@pytest.mark.parametrize("name", RIGHT)
def test_right(name):
    program = RIGHT[name]
    start = values()
    x = mc.tensor(start, requires_grad=True)
    y = program(x)
    x.grad = None
    y.backward()
    g, h = x.grad.numpy(), 1e-6
    for place in ((0, 0), (1, 2), (2, 3)):
        up, down = start.copy(), start.copy()
        up[place] += h
        down[place] -= h
        slope = (program(mc.tensor(up, requires_grad=True)).item() - program(mc.tensor(down, requires_grad=True)).item()) / (2 * h)
        assert g[place] == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_there_are_thirty():
    assert len(REFUSED) + len(RIGHT) >= 30


def test_results_do_not_share_the_guard_of_what_they_were_computed_from():
    """Only views do: writing into c = 2 x leaves x as it was, and what needs x keeps its gradient."""
    a = mc.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    x = a * 1
    y, c = x * x, x * 2
    c.detach().zero_()
    y.sum().backward()
    np.testing.assert_array_equal(a.grad._data, [2, 4])
