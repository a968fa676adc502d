"""Class activation maps."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import inspect
from minicnn.errors import InputError


def test_by_a_loop(rng):
    features, weight, cls = rng.normal(size=(3, 4, 2, 5)), rng.normal(size=(6, 4)), np.array([5, 0, 2])
    maps = inspect.class_activation(features, weight, cls)
    assert maps.shape == (3, 2, 5)
    for n, i, j in np.ndindex(3, 2, 5):
        assert abs(maps[n, i, j] - sum(weight[cls[n], k] * features[n, k, i, j] for k in range(4))) < 1e-12


def test_one_class_for_all_and_tensors(rng):
    features, weight = rng.normal(size=(3, 4, 2, 5)), rng.normal(size=(6, 4))
    one = inspect.class_activation(mc.tensor(features), mc.tensor(weight), 2)
    np.testing.assert_allclose(one.numpy(), inspect.class_activation(features, weight, np.full(3, 2)), atol=1e-12)


@pytest.mark.parametrize(("features", "weight", "cls"), [((3, 4, 2), (6, 4), 0), ((3, 4, 2, 5), (6, 3), 0), ((3, 4, 2, 5), (4,), 0),
                                                         ((3, 4, 2, 5), (6, 4), [0, 1])])
def test_shapes_that_do_not_fit_are_refused(features, weight, cls):
    with pytest.raises(InputError, match="class_activation"):
        inspect.class_activation(np.zeros(features), np.zeros(weight), np.array(cls))
