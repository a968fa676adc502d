"""Pictures of images, filters, feature maps and curves, as matplotlib figures: `images(x).savefig("x.png")`.

Every function takes tensors or arrays and returns a matplotlib.figure.Figure that belongs to no window.
"""

import numpy as np

from ..autograd import raw
from ..backend import to_numpy
from ..errors import InputError

__all__ = ["new_figure", "images", "filters", "feature_maps", "curves", "heatmap"]

# Colours that stay apart for colour-blind readers (Okabe and Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def new_figure(rows=1, columns=1, width=4.0, height=3.0, **options):
    """(figure, axes) with rows x columns axes of width x height inches each; axes is one Axes, or an array of them."""
    from matplotlib import cycler  # matplotlib is slow to import: only where pictures are made
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, **options)
    for ax in np.ravel(axes):
        ax.set_prop_cycle(cycler(color=COLOURS))
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def as_numpy(x):
    """A tensor, or what NumPy can read, as a NumPy array."""
    return to_numpy(raw(x)) if hasattr(raw(x), "dtype") else np.asarray(x)


def picture(x):
    """(C, H, W) or (H, W) as matplotlib wants it: (H, W) for one channel, (H, W, 3) for three."""
    if x.ndim == 2:
        return x
    return x[0] if len(x) == 1 else np.moveaxis(x, 0, -1)


def images(x, titles=None, columns=8, size=1.1, title=None, symmetric=False, limits=None):
    """A grid of images (N, C, H, W) or (N, H, W), C 1 or 3.

    titles: one a picture. symmetric: one-channel pictures in red for positive, blue for negative, white for 0, on one scale
    for all. limits: (lowest, highest) grey value; by default 0 and 1, or the data's own where they lie outside.
    """
    x = as_numpy(x)
    if x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[1] not in (1, 3)) or len(x) == 0:
        raise InputError("images", "x", "(N, H, W), (N, 1, H, W) or (N, 3, H, W) with N at least 1", x.shape)
    if titles is not None and len(titles) != len(x):
        raise InputError("images", "titles", f"one for each of {len(x)} images", len(titles))
    columns = min(columns, len(x))
    rows = -(-len(x) // columns)
    figure, axes = new_figure(rows, columns, size, size + (0.25 if titles is not None else 0), squeeze=False)
    low, high = limits or (min(0.0, x.min()), max(1.0, x.max()))
    scale = {"cmap": "gray", "vmin": low, "vmax": high}
    if symmetric:
        most = abs(x).max() or 1.0
        scale = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(x):
            shown = picture(x[i])
            ax.imshow(np.clip(shown, 0, 1) if shown.ndim == 3 else shown, **(scale if shown.ndim == 2 else {}))
            if titles is not None:
                ax.set_title(str(titles[i]), fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def filters(weight, title="Learned filters", columns=8, size=0.9):
    """The filters (F, C, kh, kw) of a convolution: with 3 input channels in colour, else each channel on its own.

    Red is positive, blue negative, white 0. Of many input channels the first four are shown, one below the other.
    """
    w = as_numpy(weight)
    if w.ndim != 4:
        raise InputError("filters", "weight", "(F, C, kh, kw)", w.shape)
    if w.shape[1] == 3:
        spread = abs(w).max(axis=(1, 2, 3), keepdims=True)
        return images(0.5 + 0.5 * w / np.where(spread == 0, 1, spread), columns=columns, size=size, title=title)
    return images(w[:, :4].reshape(-1, *w.shape[2:]), columns=columns * min(w.shape[1], 4), size=size, title=title, symmetric=True)


def feature_maps(image, maps, title="Feature maps", columns=8, size=1.1):
    """An image (C, H, W) followed by its feature maps (K, H', W'), each map on its own grey scale."""
    image, maps = as_numpy(image), as_numpy(maps)
    if image.ndim != 3 or maps.ndim != 3:
        raise InputError("feature_maps", "image, maps", "(C, H, W) and (K, H, W)", (image.shape, maps.shape))
    columns = min(columns, len(maps) + 1)
    rows = -(-(len(maps) + 1) // columns)
    figure, axes = new_figure(rows, columns, size, size + 0.25, squeeze=False)
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i <= len(maps):
            ax.imshow(picture(image) if i == 0 else maps[i - 1], cmap="gray" if i == 0 else "magma")
            ax.set_title("input" if i == 0 else f"map {i - 1}", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def curves(series, xlabel="step", ylabel="loss", title=None, log=False, smooth=0):
    """One line for each of {name: values}, values a list over steps or a pair (x, y). log: a logarithmic y axis.

    smooth: the width of a running mean drawn over the values, which then stand pale behind it.
    """
    figure, ax = new_figure(width=6, height=3.6)
    for name, values in series.items():
        x, y = values if isinstance(values, tuple) else (np.arange(len(values)), values)
        x, y = as_numpy(x), as_numpy(y).astype(float)
        line, = ax.plot(x, y, label=name, alpha=0.25 if smooth > 1 else 1.0, linewidth=1 if smooth > 1 else 1.6)
        if 1 < smooth <= len(y):
            mean = np.convolve(y, np.full(smooth, 1 / smooth), mode="valid")
            ax.plot(x[smooth - 1:], mean, color=line.get_color(), label=name)
            line.set_label("_pale")
    if log:
        ax.set_yscale("log")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(alpha=0.25)
    if len(series) > 1:
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))  # beside the axes, where it covers no curve
    if title:
        ax.set_title(title, fontsize=10)
    return figure


def heatmap(values, xlabel="", ylabel="", title=None, xticks=None, yticks=None, fmt=None, cmap="viridis"):
    """A table (rows, columns) as colours with a scale beside it; fmt such as '.2f' also writes the numbers."""
    values = as_numpy(values)
    if values.ndim != 2:
        raise InputError("heatmap", "values", "a table of two axes", values.shape)
    figure, ax = new_figure(width=max(3.5, 0.45 * values.shape[1] + 2), height=max(2.5, 0.35 * values.shape[0] + 1.2))
    shown = ax.imshow(values, cmap=cmap, aspect="auto")
    figure.colorbar(shown, ax=ax)
    for ticks, place in ((xticks, ax.set_xticks), (yticks, ax.set_yticks)):
        if ticks is not None:
            place(np.arange(len(ticks)), [str(t) for t in ticks])
    if fmt is not None:
        middle = (values.max() + values.min()) / 2
        for (i, j), value in np.ndenumerate(values):
            ax.text(j, i, format(value, fmt), ha="center", va="center", fontsize=8, color="white" if value < middle else "black")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if title:
        ax.set_title(title, fontsize=10)
    return figure
