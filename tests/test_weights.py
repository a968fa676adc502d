"""minicnn.save and load: what goes in comes out, other libraries agree, and saving is all or nothing."""

import errno
import os
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minicnn as mc
from minicnn import models, nn
from minicnn.errors import DataError, InputError
from minicnn.weights import safetensors

KINDS = [".safetensors", ".npz"]


def net(seed=0):
    mc.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))


def same(a, b):
    return a.keys() == b.keys() and all(
        a[k].dtype == b[k].dtype and a[k].numpy().tobytes() == b[k].numpy().tobytes() and a[k].shape == b[k].shape for k in a)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_comes_back_bit_for_bit(tmp_path, kind):
    model, path = models.resnet20(width=4), tmp_path / f"w{kind}"
    model(mc.randn(4, 3, 8, 8))  # running statistics of its own, and a counter in int64
    mc.save(model, path)
    other = models.resnet20(width=4)
    assert not same(model.state_dict(), other.state_dict())
    other.load_state_dict(mc.load(path))
    assert same(model.state_dict(), other.state_dict())
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and os.stat(path).st_mode & 0o777 == 0o644


ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda s: s.isprintable() and "/" not in s and s != "__metadata__"),
    hnp.arrays(st.sampled_from(["f4", "f8", "i8", "i4", "u1", "?"]),
               hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)), max_size=4)


@pytest.mark.parametrize("kind", KINDS)
@given(arrays=ARRAYS)
def test_any_arrays_come_back(tmp_path_factory, kind, arrays):
    path = tmp_path_factory.mktemp("w") / f"w{kind}"
    mc.save(arrays, path)
    found = mc.load(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and tuple(found[name].shape) == array.shape
        assert found[name].numpy().tobytes() == array.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_views_and_orders_of_memory(tmp_path, kind):
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    arrays = {"fortran": np.asfortranarray(base), "step": base[::2, ::-3], "t": base.T, "tensor": mc.tensor(base)[1:3].t(),
              "big": base.astype(">f4"), "number": np.float32(3)}
    mc.save(arrays, tmp_path / f"w{kind}")
    found = mc.load(tmp_path / f"w{kind}")
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name].numpy(), np.asarray(array.numpy() if name == "tensor" else array))


def test_the_package_reads_ours_and_we_read_the_package_s(tmp_path):
    from safetensors import numpy as package
    from safetensors import safe_open

    state = {k: v.numpy() for k, v in net().state_dict().items()}
    mc.save(state, tmp_path / "ours.safetensors", metadata={"format": "np", "n": "3"})
    found = package.load_file(tmp_path / "ours.safetensors")
    assert found.keys() == state.keys() and all(np.array_equal(found[k], state[k]) for k in state)
    with safe_open(tmp_path / "ours.safetensors", "np") as file:
        assert file.metadata() == {"format": "np", "n": "3"}
    assert safetensors.read(tmp_path / "ours.safetensors")[1] == {"format": "np", "n": "3"}
    package.save_file(state, tmp_path / "theirs.safetensors")
    assert all(np.array_equal(v.numpy(), state[k]) for k, v in mc.load(tmp_path / "theirs.safetensors").items())


def test_numpy_reads_ours_and_we_read_numpy_s(tmp_path):
    state = {k: v.numpy() for k, v in net().state_dict().items()}
    mc.save(state, tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as found:
        assert set(found) == set(state) and all(np.array_equal(found[k], state[k]) for k in state)
    state |= {"fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "big": np.arange(3, dtype=">i4"), "s": np.array(2.5)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "theirs.npz", **state)
        found = mc.load(tmp_path / "theirs.npz")
        assert found.keys() == state.keys() and all(np.array_equal(found[k].numpy(), state[k]) for k in state)


def test_torch_agrees(tmp_path):
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("safetensors.torch")
    theirs = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.Flatten(),
                                 torch.nn.Linear(48, 2))
    package.save_file(theirs.state_dict(), tmp_path / "t.safetensors")
    ours = net()
    ours.load_state_dict(mc.load(tmp_path / "t.safetensors"))
    x = np.random.default_rng(0).normal(size=(3, 1, 6, 6)).astype(np.float32)
    found, wanted = ours.eval()(mc.tensor(x)).detach().numpy(), theirs.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    halves = {"half": torch.linspace(-9, 9, 33).half(), "brain": torch.linspace(-9, 9, 33).bfloat16()}
    package.save_file(halves, tmp_path / "h.safetensors")
    found = mc.load(tmp_path / "h.safetensors")
    for name, half in halves.items():
        assert found[name].dtype == np.float32 and np.array_equal(found[name].numpy(), half.float().numpy())


def test_half_precision_is_widened(tmp_path):
    half = np.array([1.5, -0.25, 65504, 6e-8], np.float16)
    np.savez(tmp_path / "h.npz", half=half)
    mc.save({"half": half}, tmp_path / "h.safetensors")
    for path in tmp_path.iterdir():
        found = mc.load(path)["half"]
        assert found.dtype == np.float32 and np.array_equal(found.numpy(), half.astype(np.float32))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_on_request(tmp_path, kind, value):
    path = tmp_path / f"w{kind}"
    mc.save({"good": np.ones(3, "f"), "fc.bias": np.array([0, value]), "count": np.arange(3)}, path)
    assert not np.isfinite(mc.load(path)["fc.bias"].numpy()).all()
    with pytest.raises(DataError, match=f"w{kind}: fc.bias has a value that is not finite"):
        mc.load(path, finite=True)


def test_the_format_is_found_by_content(tmp_path):
    mc.save({"a": np.ones(2)}, tmp_path / "a.npz")
    os.rename(tmp_path / "a.npz", tmp_path / "a.safetensors")
    assert mc.load(tmp_path / "a.safetensors")["a"].tolist() == [1, 1]


@pytest.mark.parametrize(("state", "name", "message"), [
    ({"a": np.ones(2)}, "a.pth", "path must be a name that ends in .safetensors or .npz"),
    ({"a": np.ones(2)}, "a", "path must be a name"),
    ([1, 2], "a.npz", "state must be a Module or a dict of tensors, got list"),
    ({"a": "text"}, "a.npz", "a must be a tensor or an array, got str"),
    ({"a": np.array(["text"])}, "a.npz", "a must be of numbers or booleans, got dtype <U4"),
    ({"a": np.array([None])}, "a.npz", "a must be of numbers or booleans, got dtype object"),
    ({"a": np.ones(2, complex)}, "a.safetensors", "a must be of numbers or booleans, got dtype complex128"),
    ({1: np.ones(2)}, "a.npz", "a name in state must be a string"),
    ({"__metadata__": np.ones(2)}, "a.safetensors", "a name in state must be"),
    ({"": np.ones(2)}, "a.npz", "a name in state must be"),
    ({"n" * 4_000_000: np.ones(2)}, "a.safetensors", "3 MiB at most"),
])
def test_what_cannot_be_saved(tmp_path, state, name, message):
    with pytest.raises(InputError, match=message):
        mc.save(state, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_metadata_must_be_strings_and_have_a_place(tmp_path):
    with pytest.raises(InputError, match="metadata must be a dict of strings"):
        mc.save({"a": np.ones(2)}, tmp_path / "a.safetensors", metadata={"epoch": 3})
    with pytest.raises(InputError, match="metadata must be left out for .npz"):
        mc.save({"a": np.ones(2)}, tmp_path / "a.npz", metadata={"epoch": "3"})
    with pytest.raises(InputError, match="max_bytes must be"):
        mc.load(tmp_path / "a.npz", max_bytes=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_keeps_the_old_file(tmp_path, kind):
    path, old, new = tmp_path / f"w{kind}", {"a": np.arange(3.0)}, {"a": np.zeros(100_000)}
    mc.save(old, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(DataError, match=f"{path}: cannot write the file: .*File too large"):
            mc.save(new, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and mc.load(path)["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fills_up_at_the_end_keeps_the_old_file(tmp_path, monkeypatch, kind):
    path = tmp_path / f"w{kind}"
    mc.save({"a": np.arange(3.0)}, path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("minicnn.files.os.fsync", full)
    with pytest.raises(DataError, match=f"{path}: cannot write the file: .*No space left"):
        mc.save({"a": np.zeros(3)}, path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and mc.load(path)["a"].tolist() == [0, 1, 2]
