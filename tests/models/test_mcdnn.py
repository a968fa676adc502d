"""The multi-column network: its column, its committee, and what they refuse."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import models, nn
from minicnn.data.transforms import NormalizeWidth
from minicnn.errors import InputError
from minicnn.models import Committee


def test_weights_start_within_a_twentieth():
    mc.manual_seed(3)
    values = np.concatenate([p.detach().numpy().ravel() for p in models.mcdnn_column().parameters()])
    assert abs(values).max() <= 0.05 and abs(values.mean()) < 1e-3 and values.std() == pytest.approx(0.05 / 3**0.5, rel=0.02)


@pytest.mark.parametrize("size", [17, 28, 29, 48])
def test_column_takes_other_sizes(size):
    assert models.mcdnn_column(image_size=size, width=3, hidden=5)(mc.zeros(2, 1, size, size)).shape == (2, 10)


def test_too_small_an_image_is_refused():
    with pytest.raises(InputError, match="image_size must be at least 17, got 16"):
        models.mcdnn_column(image_size=16)


def test_each_column_gets_its_own_view(rng):
    columns = [nn.Linear(3, 4) for _ in range(2)]
    a, b = mc.tensor(rng.normal(size=(5, 3)).astype(np.float32)), mc.tensor(rng.normal(size=(5, 3)).astype(np.float32))
    both = Committee(columns)(a, b)
    expected = (nn.functional.softmax(columns[0](a), dim=1) + nn.functional.softmax(columns[1](b), dim=1)) / 2
    np.testing.assert_allclose(both.exp().detach().numpy(), expected.detach().numpy(), rtol=1e-5)
    assert len(list(Committee(columns).parameters())) == 4
    both.sum().backward()
    assert all(p.grad is not None for c in columns for p in c.parameters())


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Committee([]), "one or more modules"),
    (lambda: Committee([nn.Identity()], average="median"), "'arithmetic' or 'geometric'"),
    (lambda: Committee([nn.Identity()] * 3)(mc.zeros(1, 2), mc.zeros(1, 2)), "one, or one for each of 3 columns, got 2"),
    (lambda: NormalizeWidth(0), "a positive int"),
    (lambda: NormalizeWidth(4, threshold=1), "not including 1"),
    (lambda: NormalizeWidth(9)(np.zeros((1, 8, 8))), "at least 9 columns wide"),
])
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
