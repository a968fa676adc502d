# %% [markdown]
# # 2. Committees
#
# Ciresan, Meier and Schmidhuber (2012) trained 35 networks on MNIST, each over its own preprocessing of the digits, and
# averaged their probabilities: 0.23 % errors, when people make about 0.2 %. This lesson trains five small networks on five
# widths of the same digits, forms every committee that they can form, and asks what is certain about averages, what is
# likely, and where the gain comes from.
#
# The equations are in the [note](../notes/ch02_mcdnn.md). Run with `minicnn lesson 2`. The same at the paper's scale, on real
# MNIST, is `examples/train_mnist_committee.py`.

# %%
from itertools import combinations

import numpy as np

import minicnn as mc
from minicnn import data, nn, optim, train
from minicnn.backend import Generator, to_numpy
from minicnn.data.transforms import NormalizeWidth
from minicnn.inspect import plots
from minicnn.models import Committee
from minicnn.teaching import Lesson

lesson = Lesson(2)
x_train, y_train = lesson.arrays(train=True, limit=lesson.pick(400, 200))
x_test, y_test = lesson.arrays(train=False)
labels = to_numpy(y_test.data)

# %% [markdown]
# ## Five views of one digit
#
# Each column sees the digits at a width of its own, (2.8): 4, 5, 6 or 7 of the 8 pixels, and as they are.

# %%
widths = (4, 5, 6, 7, None)


def view(x, width):
    """The images at a fixed width of the ink, as a tensor."""
    return x if width is None else mc.from_numpy(NormalizeWidth(width)(to_numpy(x.data))).to(lesson.device)


shown = np.concatenate([to_numpy(view(x_train[:6], w).data) for w in widths])
lesson.save(plots.images(shown, columns=6, title="Six digits; from above: 4, 5, 6, 7 columns wide, and as they are"), "views")

# %% [markdown]
# ## Five columns
#
# Small convolutional networks, started from different weights, trained alone, on few images so that they make errors.


# %%
def make_column():
    """Two 3x3 convolutions and 32 hidden units."""
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
                         nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 10)).to(lesson.device)


columns, logits = [], []
for i, width in enumerate(widths):
    mc.manual_seed(1000 * lesson.seed + i)
    column = make_column()
    batches = data.DataLoader(data.TensorDataset(view(x_train, width), y_train), 25, shuffle=True, generator=Generator(lesson.seed))
    optimizer = optim.SGD(column.parameters(), lr=0.05, momentum=0.9)
    train.fit(column, batches, optimizer, epochs=lesson.pick(30, 5), progress=i == 0)
    with mc.no_grad():
        logits.append(to_numpy(column.eval()(view(x_test, width)).data).astype(np.float64))
    columns.append(column)
logits = np.array(logits)  # (columns, images, classes)

# %% [markdown]
# ## The committee, in the open
#
# The mean of the probabilities, (2.1), and the same from the library.


# %%
def probabilities(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def nll(p):
    """Mean of -log p(true class) over the images."""
    return -np.log(p[..., np.arange(len(labels)), labels]).mean(axis=-1)


def error(p):
    """Share of images with another class on top."""
    return (p.argmax(axis=-1) != labels).mean(axis=-1)


p = probabilities(logits)
mean = p.mean(axis=0)
with mc.no_grad():
    theirs = Committee(columns).eval()(*[view(x_test, w) for w in widths])
gap = abs(np.exp(to_numpy(theirs.data)) - mean).max()
print(f"largest difference between the open mean and Committee: {gap:.0e}")
for width, one in zip(widths, p):
    print(f"column of width {width or 'any':>3}: error {error(one):.2%}, negative log-likelihood {nll(one):.4f}")
print(f"the five together: error {error(mean):.2%}, negative log-likelihood {nll(mean):.4f}, mean of the five {nll(p).mean():.4f}")
assert gap < 1e-5

# %% [markdown]
# ## Every committee
#
# Five columns form 31 committees. Each has a likelihood at least as good as that of its average member, (2.2): certain. Its
# error is mostly smaller, too: not certain. Dots are committees, the line is their mean.

# %%
sizes = range(1, 6)
found = {k: np.array([(nll(q), nll(p[list(c)]).mean(), error(q), error(p[list(c)]).mean())
                      for c in combinations(range(5), k) for q in [p[list(c)].mean(axis=0)]]) for k in sizes}
figure, axes = plots.new_figure(1, 2, width=4.4, height=3.4)
for ax, place, name, scale in ((axes[0], 0, "negative log-likelihood", 1), (axes[1], 2, "error in %", 100)):
    for k in sizes:
        ax.scatter([k] * len(found[k]), scale * found[k][:, place], s=14, alpha=0.5, color=plots.COLOURS[5])
    means = [scale * found[k][:, place].mean() for k in sizes]
    ax.plot(sizes, means, color=plots.COLOURS[0], marker="o", label="mean of committees")
    ax.axhspan(scale * found[1][:, place].min(), scale * found[1][:, place].max(), alpha=0.12, color=plots.COLOURS[1],
               label="single columns")
    ax.set(xlabel="columns in the committee", ylabel=name, xticks=list(sizes))
    ax.grid(alpha=0.25)
axes[0].legend(frameon=False, fontsize=8)
lesson.save(figure, "committees")
several = np.concatenate([found[k] for k in sizes if k > 1])
never_worse = (several[:, 0] <= several[:, 1] + 1e-12).all()
fewer = (several[:, 2] < several[:, 3]).mean()
print(f"of {len(several)} committees {np.sum(several[:, 0] < several[:, 1])} have a better likelihood than their average member, "
      f"{fewer:.0%} a smaller error; {np.mean(several[:, 2] < found[1][:, 2].min()):.0%} beat the best single column")

# %% [markdown]
# ## Where the gain comes from
#
# For squared error the gain is the *ambiguity*: how far the members lie from their own mean, (2.4). It needs no labels. The more two
# columns disagree, the more their committee gains. Each dot below is a pair.

# %%
target = np.eye(10)[labels]
pairs = []
for a, b in combinations(range(5), 2):
    both = p[[a, b]]
    middle = both.mean(axis=0)
    gain = ((both - target) ** 2).mean() - ((middle - target) ** 2).mean()
    pairs.append((((both - middle) ** 2).mean(), gain, (both[0].argmax(axis=1) != both[1].argmax(axis=1)).mean()))
pairs = np.array(pairs)
identity_gap = abs(pairs[:, 0] - pairs[:, 1]).max()
print(f"gain minus ambiguity: at most {identity_gap:.0e} for the ten pairs")

# %% [markdown]
# Does another preprocessing make columns disagree more than another start alone does? Five more columns, all on the digits as
# they are:

# %%
alike = []
for i in range(5):
    mc.manual_seed(1000 * lesson.seed + 100 + i)
    column = make_column()
    batches = data.DataLoader(data.TensorDataset(x_train, y_train), 25, shuffle=True, generator=Generator(lesson.seed + i))
    train.fit(column, batches, optim.SGD(column.parameters(), lr=0.05, momentum=0.9), epochs=lesson.pick(30, 5), progress=False)
    with mc.no_grad():
        alike.append(to_numpy(column.eval()(x_test).data).astype(np.float64))
q = probabilities(np.array(alike))


def ambiguity(r):
    """Mean square distance of the members from their mean."""
    return ((r - r.mean(axis=0)) ** 2).mean()


table = {"five widths": p, "one width, five starts": q}
for name, r in table.items():
    together = r.mean(axis=0)
    print(f"{name:<23} ambiguity {ambiguity(r):.2e}; error {error(r).mean():.2%} alone, {error(together):.2%} together; "
          f"likelihood {nll(r).mean():.4f}, {nll(together):.4f}")
figure, ax = plots.new_figure(width=4.6, height=3.4)
for (name, r), colour in zip(table.items(), plots.COLOURS):
    for a, b in combinations(range(5), 2):
        both = r[[a, b]]
        ax.scatter(100 * (both[0].argmax(axis=1) != both[1].argmax(axis=1)).mean(), ambiguity(both), color=colour, s=22,
                   label=name if (a, b) == (0, 1) else None)
ax.set(xlabel="images on which two columns disagree, %", ylabel="ambiguity = gain in squared error", title="Pairs of columns")
ax.legend(frameon=False, fontsize=8)
ax.grid(alpha=0.25)
lesson.save(figure, "ambiguity")

# %% [markdown]
# ## Three ways to get it wrong
#
# Averaging logits is another committee, (2.3), in which one sure column can veto. A vote needs a rule for ties, and `argmax`
# applies one without saying so. And a column that still drops units gives other answers in every call.

# %%
geometric = probabilities(logits.mean(axis=0))
votes = np.eye(10)[p.argmax(axis=-1)].sum(axis=0)
tied = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
print(f"arithmetic mean: error {error(mean):.2%}, likelihood {nll(mean):.4f}")
print(f"mean of logits:  error {error(geometric):.2%}, likelihood {nll(geometric):.4f}")
print(f"vote:            error {error(votes):.2%}; {tied.sum()} of {len(labels)} images are tied and go to the smaller number")
trap = Committee(columns).train()
with mc.no_grad():
    runs = [to_numpy(trap(*[view(x_test, w) for w in widths]).data).argmax(axis=1) for _ in range(4)]
forgot = [float((r != labels).mean()) for r in runs]
print("in training mode by mistake, four times:", ", ".join(f"{e:.2%}" for e in forgot))

# %% [markdown]
# ## What was claimed, what was found

# %%
single, together = error(p).mean(), error(mean)
lesson.claim("likelihood never worse than the average member's", "certain, (2.2)", f"{len(several)} of {len(several)} committees",
             never_worse)
lesson.claim("gain in squared error = ambiguity", "equal, (2.4)", f"{identity_gap:.0e}", identity_gap < 1e-12)
lesson.claim("a committee makes fewer errors", "0.39 to 0.23 %", f"{single:.2%} to {together:.2%}", together < single)
lesson.claim("... than its best member", "not said", f"{error(p).min():.2%} to {together:.2%}", together < error(p).min())
lesson.claim("widths disagree more than starts do", "yes", f"{ambiguity(p):.1e}, {ambiguity(q):.1e}", ambiguity(p) > ambiguity(q))
lesson.close()
assert never_worse and identity_gap < 1e-12
assert lesson.quick or (nll(mean) < 0.8 * nll(p).mean() and together < single)
