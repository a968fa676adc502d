"""Module: registration, walking, modes, state_dict, hooks, copying, containers, and their errors."""

import copy

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn
from minicnn.errors import InputError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8, 3))
        self.scale = nn.Parameter(np.ones(1, np.float32))
        self.register_buffer("mask", mc.ones(3))
        self.register_buffer("scratch", mc.zeros(1), persistent=False)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).relu()) * self.scale * self.mask


def test_names_come_in_order_of_assignment():
    net = Net()
    names = ["scale", "conv.weight", "conv.bias", "norm.weight", "norm.bias", "head.1.weight", "head.1.bias"]
    assert [n for n, _ in net.named_parameters()] == names
    assert [n for n, _ in net.named_modules()] == ["", "conv", "norm", "head", "head.0", "head.1"]
    assert [n for n, _ in net.named_children()] == ["conv", "norm", "head"]
    assert "scratch" in dict(net.named_buffers()) and "scratch" not in net.state_dict()


def test_state_dict_round_trip_and_shared_memory():
    a, b = Net(), Net()
    b.load_state_dict(a.state_dict())
    for x, y in zip(a.state_dict().values(), b.state_dict().values()):
        np.testing.assert_array_equal(x.numpy(), y.numpy())
    a.state_dict()["scale"].fill_(7)
    assert a.scale.item() == 7


@pytest.mark.parametrize("change, message", [
    (lambda s: s.pop("scale"), "missing: scale"),
    (lambda s: s.update(extra=np.zeros(1)), "unexpected: extra"),
    (lambda s: s.update(scale=np.zeros(2)), "scale has shape (1,), the file (2,)"),
])
def test_load_state_dict_is_all_or_nothing(change, message):
    net = Net()
    state = {k: v.numpy() * 0 for k, v in net.state_dict().items()}
    change(state)
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    with pytest.raises(InputError) as caught:
        net.load_state_dict(state)
    assert message in str(caught.value)
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[k])


def test_not_strict_reports_what_did_not_match():
    net = nn.Linear(2, 3)
    assert net.load_state_dict({"weight": np.ones((3, 2)), "x": 1}, strict=False) == (["bias"], ["x"])
    assert net.weight.data.sum() == 6 and net.weight.dtype == np.float32


def test_train_and_eval_reach_all_modules():
    net = Net().eval()
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())


def test_to_moves_parameters_buffers_and_gradients_but_not_integers():
    net = Net()
    net(mc.randn(2, 1, 4, 4)).sum().backward()
    net.double()
    assert net.conv.weight.dtype == net.conv.weight.grad.dtype == net.norm.running_mean.dtype == np.float64
    assert net.norm.num_batches_tracked.dtype == np.int64


def test_attribute_errors():
    class Early(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(np.ones(1))

    with pytest.raises(InputError, match=r"Early: weight must be assigned after super\(\).__init__"):
        Early()
    net = Net()
    with pytest.raises(InputError, match="Net: scale must be a Parameter or None"):
        net.scale = np.ones(1)
    with pytest.raises(AttributeError, match="Net has no attribute 'nothing'"):
        net.nothing
    with pytest.raises(InputError, match="register_buffer: name"):
        net.register_buffer("conv", mc.ones(1))
    del net.scale
    assert "scale" not in dict(net.named_parameters())


def test_a_shared_parameter_is_listed_once_and_saved_under_both_names():
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    both = nn.Sequential(a, b)
    assert len(list(both.parameters())) == 3 and len(both.state_dict()) == 4


def test_forward_hooks_see_and_replace():
    net, seen = nn.Linear(2, 2), []
    pre = net.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    post = net.register_forward_hook(lambda m, args, y: seen.append(args[0].data.copy()) or y * 0)
    assert not net(mc.ones(1, 2)).data.any()
    np.testing.assert_array_equal(seen[0], [[2, 2]])
    pre.remove()
    post.remove()
    assert net(mc.ones(1, 2)).data.any()


def test_full_backward_hook_sees_both_gradients():
    net, seen = nn.Linear(2, 3, bias=False), []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].data.copy(), go[0].data.copy())))
    x = mc.ones(1, 2, requires_grad=True)
    net(x).sum().backward()
    np.testing.assert_allclose(seen[0][0], net.weight.data.sum(0, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(seen[0][1], np.ones((1, 3)))
    np.testing.assert_array_equal(x.grad.data, seen[0][0])


def test_deepcopy_is_independent():
    net = Net()
    twin = copy.deepcopy(net)
    twin.conv.weight.data[:] = 0
    assert net.conv.weight.data.any() and twin.conv.weight.requires_grad and isinstance(twin.conv.weight, nn.Parameter)
    np.testing.assert_array_equal(twin.head[1].weight.data, net.head[1].weight.data)


def test_zero_grad_apply_requires_grad():
    net, names = Net(), []
    net(mc.randn(2, 1, 4, 4)).sum().backward()
    net.conv.weight.grad._data[0, 0] = np.nan
    net.zero_grad(set_to_none=False)
    assert all(p.grad is not None and not p.grad._data.any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.apply(lambda m: names.append(type(m).__name__))
    assert names[0] == "Conv2d" and names[-1] == "Net"
    net.requires_grad_(False)
    assert not net(mc.randn(2, 1, 4, 4)).requires_grad


def test_a_parameter_says_what_it_is():
    assert repr(nn.Parameter(np.ones(2))) == "Parameter containing:\ntensor([1., 1.], dtype=float64, requires_grad=True)"


def test_results_of_parameters_are_tensors():
    p = nn.Parameter(np.ones(2))
    assert type(p * 2) is mc.Tensor and type(p.detach()) is mc.Tensor


def test_containers():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(net) == 3 and isinstance(net[-1], nn.Linear) and len(net[:2]) == 2
    net.append(nn.Sigmoid())
    del net[1]
    assert [n for n, _ in net.named_children()] == ["0", "1", "2"]
    named = nn.Sequential({"a": nn.Linear(2, 2)})
    assert list(named.state_dict()) == ["a.weight", "a.bias"]
    items = nn.ModuleList([nn.Linear(1, 1)])
    items.insert(0, nn.ReLU())
    items.extend([nn.Tanh()])
    assert [type(m).__name__ for m in items] == ["ReLU", "Linear", "Tanh"]
    table = nn.ModuleDict({"x": nn.ReLU()})
    table["y"] = nn.Tanh()
    assert list(table) == ["x", "y"] and "x" in table
    assert len(list(nn.ParameterList([np.ones(2), np.ones(3)]).parameters())) == 2
    with pytest.raises(IndexError):
        net[5]


def test_repr_is_a_tree():
    text = repr(Net())
    assert text.startswith("Net(\n  (conv): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))")
    assert "    (1): Linear(in_features=8, out_features=3, bias=True)" in text


@pytest.mark.parametrize("norm, shape", [(nn.BatchNorm2d, (4, 6, 5, 5)), (nn.BatchNorm1d, (8, 6)), (nn.BatchNorm1d, (3, 6, 4))])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_norm_and_relu_in_one_pass(norm, shape, training, dtype, rng, monkeypatch):
    """Sequential computes both at once: results, gradients and statistics as one after the other."""
    fused, calls = nn.Sequential(norm(6), nn.ReLU()).to(dtype).train(training), []
    fused[0].weight.data[:], fused[0].bias.data[:] = rng.normal(size=6), rng.normal(size=6)
    apart, x, g = copy.deepcopy(fused), rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    a, b = mc.Tensor(x, requires_grad=True), mc.Tensor(x, requires_grad=True)
    expected = apart[1](apart[0](b))
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, input: calls.append(1))
    y = fused(a)
    assert not calls
    y.backward(g)
    expected.backward(g)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), **tolerance)
    for p, q in zip([a, *fused.parameters()], [b, *apart.parameters()]):
        np.testing.assert_allclose(p.grad._data, q.grad._data, **tolerance)
    for key, value in apart.state_dict().items():
        np.testing.assert_array_equal(fused.state_dict()[key].numpy(), value.numpy(), err_msg=key)


class Doubled(nn.BatchNorm2d):
    def forward(self, input):
        return 2 * super().forward(input)


class Shifted(nn.ReLU):
    def forward(self, input):
        return super().forward(input) + 1


@pytest.mark.parametrize("norm, relu", [(Doubled, nn.ReLU), (nn.BatchNorm2d, Shifted)])
def test_layers_with_a_forward_of_their_own_run_it(norm, relu, rng):
    x = mc.Tensor(rng.normal(size=(3, 2, 4, 4)).astype(np.float32))
    net = nn.Sequential(norm(2), relu())
    np.testing.assert_array_equal(net(x)._data, net[1](net[0](x))._data)


@pytest.mark.parametrize("watched", [0, 1])
def test_hooks_see_what_passes_between_batch_norm_and_relu(watched, rng):
    net, seen = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten()), []
    net[watched].register_forward_hook(lambda module, args, result: seen.append((args[0], result)))
    y = net(mc.Tensor(rng.normal(size=(3, 2, 4, 4)).astype(np.float32)))
    negative = [[bool((t.detach().numpy() < 0).any()) for t in pair] for pair in seen]
    assert negative == [[True, True], [True, False]][watched : watched + 1] and y.shape == (3, 32) and y.detach().numpy().min() == 0


def test_a_second_forward_with_batch_norm_does_not_disturb_the_first():
    """Running statistics are written during forward; the gradient of an earlier batch must not depend on them."""
    net = nn.BatchNorm2d(2)
    x = mc.randn(3, 2, 4, 4, requires_grad=True)
    y = net(x)
    net(mc.randn(3, 2, 4, 4))
    y.square().sum().backward()
    assert np.isfinite(x.grad.data).all()


def test_dropout_in_training_and_evaluation():
    mc.manual_seed(0)
    layer, x = nn.Dropout(0.2), mc.ones(10000)
    y = layer(x).data
    assert set(np.unique(y)) == {np.float32(0), np.float32(1.25)}
    assert abs((y == 0).mean() - 0.2) < 4 * np.sqrt(0.16 / 10000)
    assert layer.eval()(x) is x
    assert not nn.Dropout(1.0)(x).data.any()
    z = nn.Dropout2d(0.5)(mc.ones(50, 4, 3, 3)).data
    assert ((z == z[:, :, :1, :1]).all())


@pytest.mark.parametrize("replace", [False, True])
def test_full_backward_hook_of_several_inputs_runs_once_as_in_torch(replace):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Bilinear(3, 4, 2).double()
    ours = nn.Bilinear(3, 4, 2).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    results = []
    for lib, layer in ((mc, ours), (torch, theirs)):
        seen = []

        def hook(module, grad_input, grad_output, seen=seen):
            seen.append([g.detach().numpy().copy() for g in (*grad_input, *grad_output)])
            return tuple(3 * g for g in grad_input) if replace else None

        layer.register_full_backward_hook(hook)
        a, b = (lib.tensor(np.linspace(-1, 1, 5 * n).reshape(5, n)).requires_grad_() for n in (3, 4))
        (layer(a, b) ** 2).sum().backward()
        results.append((*seen[0], a.grad.numpy(), b.grad.numpy()))
        assert len(seen) == 1
    for mine, other in zip(*results):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def test_full_backward_hook_without_a_gradient_of_the_input():
    layer, seen = nn.Linear(3, 2), []
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output[0].shape)))
    layer(mc.ones(4, 3)).sum().backward()
    assert seen == [((None,), (4, 2))]


class Two(nn.Module):
    """Two results of one input."""

    def forward(self, x):
        return x * 2, x * 3


@pytest.mark.parametrize("used", [(0, 1), (1,)])
def test_full_backward_hook_of_several_results(used):
    layer, seen = Two(), []
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output)))
    x = mc.ones(2, requires_grad=True)
    results = layer(x)
    sum((i + 5) * results[i] for i in used).sum().backward()
    ((grad_input, grad_output),) = seen
    assert [None if g is None else g.tolist() for g in grad_output] == [[i + 5.0] * 2 if i in used else None for i in range(2)]
    assert grad_input[0].tolist() == x.grad.tolist() == [sum((i + 2) * (i + 5.0) for i in used)] * 2
