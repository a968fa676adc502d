"""Everything of test_device.py once more through the CUDA kernels (run on the CPU, see cuda_on_cpu.py), and whole training
steps: what they compute, which kernels they use, and that nothing travels between host and device on the way."""

import warnings

import numpy as np
import pytest
import test_device as D
from cuda_on_cpu import DeviceRandom, FakeCupy, cuda_on_cpu, needs_compiler  # noqa: F401  (a fixture)
from strict import count_transfers, strict_xp, to_strict

import minicnn
from minicnn import backend, nn, optim
from minicnn.autograd import raw
from minicnn.backend import Generator, cuda_is_available, to_device, to_numpy
from minicnn.nn import functional as F
from minicnn.tensor import Tensor

needs_gpu = pytest.mark.skipif(not cuda_is_available(), reason="CuPy finds no GPU")


class OnStrict(D.Device):
    """Strict arrays; what their module is called is up to the fixture."""

    def place(self, array):
        return to_strict(array)


@pytest.fixture
def kernels(cuda_on_cpu):  # noqa: F811
    return OnStrict("cuda:0")


@needs_compiler
@pytest.mark.parametrize("name", D.CASES)
def test_values_and_gradients_through_the_kernels(name, kernels):
    D.test_values_and_gradients(name, kernels)


@needs_compiler
@pytest.mark.parametrize("name", [name for name in D.CASES if any(
    word in name for word in ("conv", "pool", "norm", "relu", "gelu", "silu", "sigmoid", "tanh", "fold", "in place"))])
def test_second_derivatives_through_the_kernels(name, kernels):
    D.test_second_derivatives(name, kernels)


@needs_compiler
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", D.LAYERS)
def test_layers_through_the_kernels(name, training, kernels):
    D.test_layers(name, training, kernels)


@needs_compiler
@pytest.mark.parametrize("name", D.OPTIMIZERS)
def test_training_steps_through_the_kernels(name, kernels):
    D.test_training_steps_stay_on_the_device(name, kernels)


# --------------------------------------------------------------------------------------------- a whole training step

def network():
    """A small CNN with everything that an image network is usually made of, a residual sum included."""
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.BatchNorm2d(8)

        def forward(self, x):
            return F.relu(x + self.norm(self.conv(x)))

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), Residual(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.AvgPool2d(3, 2, 1), nn.Conv2d(8, 12, 1), nn.GELU(), nn.Flatten(),
        nn.Dropout(0.25), nn.Linear(12 * 2 * 2, 5))


@pytest.fixture(params=["strict", pytest.param("kernels", marks=needs_compiler), pytest.param("gpu", marks=needs_gpu)])
def place(request):
    """The function that puts an array on the device: the stand-in without kernels, with kernels, or a GPU."""
    if request.param == "gpu":
        return lambda a: to_device(a, "cuda:0")
    if request.param == "kernels":
        request.getfixturevalue("cuda_on_cpu")
    return to_strict


def start(place):
    """(model, optimizer, images, labels, generator of the dropout) from the same numbers each time, on a device."""
    model = D.seeded(network).train()
    for t in (*model.parameters(), *model.buffers()):
        t.data = place(raw(t))
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    rng = np.random.default_rng(0)
    x = Tensor(place(rng.normal(size=(6, 3, 8, 8)).astype(np.float32)))
    return model, optimizer, x, Tensor(place(rng.integers(0, 5, 6)))


def step(model, optimizer, x, y):
    """One training step; returns the loss, still on the device."""
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def state(model):
    return [to_numpy(raw(t)) for t in (*model.parameters(), *model.buffers())]


def test_a_training_step_moves_nothing_between_host_and_device(place, monkeypatch):
    monkeypatch.setattr(strict_xp, "random", DeviceRandom, raising=False)  # as CuPy, which draws on the device
    task = start(place)
    step(*task)  # makes the momentum's buffers
    with count_transfers() as transfers:
        for _ in range(3):
            step(*task)
    assert (transfers.to_host, transfers.to_device) == (0, 0), transfers


@needs_compiler
def test_a_training_step_computes_what_the_host_computes(cuda_on_cpu, monkeypatch):  # noqa: F811
    """Without dropout, whose numbers come from another stream on a device."""
    monkeypatch.setattr(nn.Dropout, "forward", lambda self, x: x)
    results = []
    for where in (lambda a: a, to_strict):
        minicnn.manual_seed(0)
        task = start(where)
        losses = [to_numpy(raw(step(*task))) for _ in range(4)]
        results.append([*losses, *state(task[0])])
    assert results[0][3] < results[0][0]
    for a, b in zip(*results):
        np.testing.assert_allclose(b, a, rtol=2e-3, atol=2e-4)
    used = set(FakeCupy.launches)
    assert used >= {"im2row", "col2im", "max_pool2d", "max_spread", "sum_pool2d", "sum_spread", "moment_parts", "moments",
                    "normalize", "gradient_parts", "gradients", "normalize_gradient", "running_average", "relu", "gate",
                    "gelu", "gelu_slope", "sgd_momentum"}


@needs_gpu
def test_a_training_step_on_a_gpu_learns_and_repeats_itself():
    results = []
    for _ in range(2):
        task = start(lambda a: to_device(a, "cuda:0"))
        losses = [float(to_numpy(raw(step(*task)))) for _ in range(20)]
        assert losses[-1] < losses[0]
        results.append(state(task[0]))
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


@needs_gpu
def test_a_training_step_never_waits_for_the_gpu():
    """CuPy itself raises where the host would wait for the device, as every copy to the host makes it."""
    cupyx = pytest.importorskip("cupyx")
    task = start(lambda a: to_device(a, "cuda:0"))
    step(*task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CuPy warns that its check may miss something; the next test misses nothing
        with cupyx.allow_synchronize(False):
            loss = step(*task)
    assert np.isfinite(to_numpy(raw(loss)))


@needs_gpu
def test_the_profiler_sees_no_copy_in_a_training_step():
    """PyTorch's profiler records what the whole process does on the GPU, CuPy's work too."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no GPU support")
    task = start(lambda a: to_device(a, "cuda:0"))
    step(*task)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step(*task)
        torch.cuda.synchronize()
    names = {event.name for event in profile.events()}
    assert any("im2row" in name for name in names), "the profiler saw none of our kernels"
    assert not [name for name in names if "Memcpy DtoH" in name or "Memcpy HtoD" in name]


@needs_compiler
def test_random_numbers_are_made_on_the_device(cuda_on_cpu):  # noqa: F811
    generator = Generator(3)
    with count_transfers() as transfers:
        draws = [generator.uniform((50, 40), xp=cuda_on_cpu), generator.normal((50, 40), xp=cuda_on_cpu),
                 generator.bernoulli(0.25, (50, 40), xp=cuda_on_cpu), generator.integers(0, 9, (50, 40), xp=cuda_on_cpu)]
    assert (transfers.to_host, transfers.to_device) == (0, 0), transfers
    means = [float(to_numpy(d).mean()) for d in draws]
    np.testing.assert_allclose(means, [0.5, 0.0, 0.25, 4.0], atol=0.15)


# ------------------------------------------------------------------------------------------------------------- precision

class FakeCore:
    """What cupy._core has for the precision of products."""

    class _routines_linalg:
        COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_TF32 = 1, 7

    types = {np.dtype(np.float32): 1}

    def set_compute_type(self, dtype, kind):
        self.types[np.dtype(dtype)] = kind

    def get_compute_type(self, dtype):
        return self.types[np.dtype(dtype)]


def test_tf32_is_off_until_allowed(cuda_on_cpu, monkeypatch):  # noqa: F811
    cuda_on_cpu._core = FakeCore()
    monkeypatch.setattr(backend, "_cupy", lambda wanted_for: cuda_on_cpu)
    assert not minicnn.cuda.tf32_is_allowed()
    minicnn.cuda.allow_tf32(True)
    assert minicnn.cuda.tf32_is_allowed()
    minicnn.cuda.allow_tf32(False)
    assert not minicnn.cuda.tf32_is_allowed()
    with pytest.raises(minicnn.InputError, match="allow_tf32: allow must be True or False"):
        minicnn.cuda.allow_tf32(1)


def test_tf32_needs_cupy(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(minicnn.DeviceError, match="allow_tf32 needs CuPy"):
        minicnn.cuda.allow_tf32(True)


def test_cupy_has_what_the_option_uses():
    core = pytest.importorskip("cupy")._core
    before = core.get_compute_type(np.float32)
    core.set_compute_type(np.float32, core._routines_linalg.COMPUTE_TYPE_DEFAULT)
    assert core.get_compute_type(np.float32) != core._routines_linalg.COMPUTE_TYPE_TF32
    core.set_compute_type(np.float32, before)


@needs_gpu
def test_tf32_loses_digits_only_where_it_is_allowed():
    a, b = D.normal(512, 512), D.normal(512, 512, seed=5)
    errors = []
    for allowed in (False, True, False):
        minicnn.cuda.allow_tf32(allowed)
        found = to_device(a.astype(np.float32), "cuda:0") @ to_device(b.astype(np.float32), "cuda:0")
        errors.append(np.abs(to_numpy(found) - a @ b).max() / np.abs(a @ b).max())
    assert errors[0] == errors[2] < 1e-5
    if minicnn.cuda.tf32_is_allowed():
        assert 1e-5 < errors[1] < 1e-2


@needs_compiler
def test_uneven_windows_are_counted_once_not_once_a_step(kernels):
    """Their shares go to the device the first time; so do the matrices of adaptive pooling."""
    x = kernels.tensor(D.normal(2, 3, 7, 6).astype(np.float32))

    def once():
        y = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
        (y.sum() + F.adaptive_avg_pool2d(x, (3, 2)).sum()).backward()

    once()
    with count_transfers() as transfers:
        once()
    assert (transfers.to_host, transfers.to_device) == (0, 0), transfers
