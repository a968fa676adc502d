"""Pictures: what is drawn is what was given; bad shapes are refused."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import InputError
from minicnn.inspect import plots


def shown(figure):
    """The arrays that a figure shows as images, empty places left out."""
    return [ax.get_images()[0].get_array() for ax in figure.axes if ax.get_images()]


def test_images_in_grey_and_colour(rng):
    grey, colour = rng.random((5, 1, 4, 6)), rng.random((2, 3, 4, 6))
    assert all(np.array_equal(a, b[0]) for a, b in zip(shown(plots.images(mc.tensor(grey), columns=3)), grey, strict=True))
    assert all(np.array_equal(a, np.moveaxis(b, 0, -1)) for a, b in zip(shown(plots.images(colour)), colour, strict=True))
    titled = plots.images(grey, titles="abcde")
    assert [ax.get_title() for ax in titled.axes][:5] == list("abcde")


def test_symmetric_scale_puts_zero_in_the_middle(rng):
    figure = plots.images(rng.normal(size=(2, 3, 3)) + 5, symmetric=True)
    low, high = figure.axes[0].get_images()[0].get_clim()
    assert low == -high


def test_filters_and_feature_maps(rng):
    assert len(shown(plots.filters(rng.normal(size=(6, 1, 3, 3))))) == 6
    assert shown(plots.filters(rng.normal(size=(6, 3, 3, 3))))[0].shape == (3, 3, 3)
    assert len(shown(plots.filters(rng.normal(size=(2, 9, 3, 3))))) == 8
    assert len(shown(plots.feature_maps(rng.random((1, 8, 8)), rng.random((5, 4, 4))))) == 6


def test_curves_carry_their_numbers():
    figure = plots.curves({"a": [1.0, 2.0], "b": ([0, 5], [3.0, 4.0])}, ylabel="error", log=True)
    ax = figure.axes[0]
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[1, 2], [3, 4]]
    assert list(ax.get_lines()[1].get_xdata()) == [0, 5] and ax.get_ylabel() == "error" and ax.get_yscale() == "log"
    smooth = plots.curves({"a": [0.0, 2.0, 4.0]}, smooth=2).axes[0].get_lines()
    assert list(smooth[1].get_ydata()) == [1, 3] and list(smooth[1].get_xdata()) == [1, 2]


def test_heatmap_writes_its_numbers():
    figure = plots.heatmap([[0.0, 1.0], [0.25, 0.5]], fmt=".2f", xticks=["a", "b"])
    assert [t.get_text() for t in figure.axes[0].texts] == ["0.00", "1.00", "0.25", "0.50"]


@pytest.mark.parametrize("call", [
    lambda: plots.images(np.zeros((2, 2, 3, 3))), lambda: plots.images(np.zeros((0, 3, 3))),
    lambda: plots.images(np.zeros((2, 3, 3)), titles=["one"]), lambda: plots.filters(np.zeros((2, 3, 3))),
    lambda: plots.feature_maps(np.zeros((3, 3)), np.zeros((2, 3, 3))), lambda: plots.heatmap([1, 2]),
])
def test_bad_shapes_are_refused(call):
    with pytest.raises(InputError):
        call()
