# %% [markdown]
# # 4. Dropout
#
# A large network and few images: it learns them by heart, and little else. Srivastava and colleagues (2014) switch half of
# the units off at random in every step. No unit can then rely on a particular other one, and what is trained is not one
# network but $2^d$ of them, with shared weights. This lesson writes dropout in four lines, checks on all 256 networks of a
# small layer in which sense the test-time network is their average, shows what dropout does to linear regression, and
# measures the gap between training and test.
#
# The equations are in the [note](../notes/ch04_dropout.md). Run with `minicnn lesson 4`. Careful: the paper's $p$ keeps, the
# code's drops.

# %%
import itertools

import numpy as np

import minicnn as mc
from minicnn import nn, optim, train
from minicnn.inspect import plots
from minicnn.nn import functional as F
from minicnn.teaching import Lesson

lesson = Lesson(4, sets=("digits",))

# %% [markdown]
# ## Four lines
#
# Inverted dropout, (4.4): keep each unit with probability $1 - q$, divide by it, do nothing at test time. The backward pass,
# (4.5), uses the same mask.


# %%
def dropout(x, q, training, rng):
    """Drop with probability q; what is kept is divided by 1 - q. Returns the result and the factor of each unit."""
    factor = (rng.random(x.shape) >= q) / (1 - q) if training else np.ones_like(x)
    return x * factor, factor


x = lesson.rng.normal(size=(2000, 50)) + 3
out, factor = dropout(x, 0.2, True, lesson.rng)
tx = mc.tensor(x, requires_grad=True)
theirs = F.dropout(tx, 0.2)
theirs.sum().backward()
for name, y in (("open code", out), ("library", theirs.detach().numpy())):
    print(f"{name:<10} kept {np.mean(y != 0):.4f}, mean {y.mean():.4f} (without dropout {x.mean():.4f}), "
          f"kept entries are x times {np.unique(np.round(y[y != 0] / x[y != 0], 6))}")
assert np.allclose(tx.grad.numpy() * x, theirs.detach().numpy())
assert np.array_equal(dropout(x, 0.2, False, lesson.rng)[0], F.dropout(mc.tensor(x), 0.2, training=False).numpy())
print("the library's backward used the mask of its forward; in evaluation both do nothing")

# %% [markdown]
# ## The average of 256 networks
#
# One softmax layer over $d = 8$ units has $2^8$ masks, few enough to run them all. Their geometric mean, renormalised, is
# exactly the network with weights $p W$, (4.6). Their arithmetic mean is not, but close.

# %%
d, classes, keep = 8, 5, 0.5
x, w, b = lesson.rng.normal(size=d) * 2, lesson.rng.normal(size=(classes, d)), lesson.rng.normal(size=classes)


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


runs = np.array([softmax(w @ (np.array(mask) * x) + b) for mask in itertools.product([0, 1], repeat=d)])
chance = np.full(len(runs), keep**d)  # at p = 1/2 all masks are equally likely
geometric = softmax(chance @ np.log(runs))
arithmetic, scaled = chance @ runs, softmax(keep * w @ x + b)
geometric_gap, arithmetic_gap = abs(geometric - scaled).max(), abs(arithmetic - scaled).max()
print(f"{len(runs)} networks: geometric mean against the scaled network {geometric_gap:.1e}, arithmetic mean {arithmetic_gap:.3f}")

figure, ax = plots.new_figure(width=6, height=3.4)
for k in range(classes):
    ax.scatter(k + lesson.rng.uniform(-0.18, 0.18, len(runs)), runs[:, k], s=5, alpha=0.35, color=plots.COLOURS[5])
ax.plot(range(classes), scaled, "D", color=plots.COLOURS[1], markersize=9, fillstyle="none", markeredgewidth=2,
        label="one network, weights times p")
ax.plot(range(classes), geometric, "x", color="black", markersize=7, label="geometric mean of all 256")
ax.plot(range(classes), arithmetic, "_", color=plots.COLOURS[2], markersize=20, markeredgewidth=2, label="arithmetic mean")
ax.set(xlabel="class", ylabel="probability", xticks=range(classes), title="Each dot is one of the 256 networks")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
lesson.save(figure, "networks")

# %% [markdown]
# ## Linear regression: a ridge, weighted
#
# In expectation, dropout adds $\frac{1-p}{p} \sum_j \tilde w_j^2 \|X_j\|^2$ to the squared error, (4.8). Below, the closed
# form (4.9) for every $p$, beside weights that were really trained with dropout by gradient descent. Columns of large norm
# are shrunk like the others: ridge regression would hardly touch them.

# %%
columns = np.array([4.0, 1.0, 1.0, 0.25])
features = lesson.rng.normal(size=(60, 4)) * columns
truth = np.array([0.5, 2.0, -1.5, 6.0])
target = features @ truth + 0.5 * lesson.rng.normal(size=60)
gram = features.T @ features
keeps = np.linspace(0.05, 1, 40)
path = np.array([np.linalg.solve(gram + (1 - p) / p * np.diag(np.diag(gram)), features.T @ target) for p in keeps])
ridge = np.array([np.linalg.solve(gram + (1 - p) / p * np.trace(gram) / 4 * np.eye(4), features.T @ target) for p in keeps])


def trained(p, steps):
    """Test-time weights p w after gradient descent on fresh masks in each step; the mean of the second half of the steps."""
    w, total = np.zeros(4), np.zeros(4)
    scale = 0.2 / (columns**2)  # a step for each column, so that all learn alike
    for step in range(steps):
        masked = features * (lesson.rng.random(features.shape) < p)
        w = w + scale * (masked.T @ (target - masked @ w)) / len(target)
        total += w if step >= steps // 2 else 0
    return p * total / (steps - steps // 2)


spots = (0.2, 0.5, 0.8)
learned = np.array([trained(p, lesson.pick(20_000, 4_000)) for p in spots])
exact = np.array([np.linalg.solve(gram + (1 - p) / p * np.diag(np.diag(gram)), features.T @ target) for p in spots])
ridge_gap = np.max(abs(learned - exact) * columns)
print(f"weights trained with dropout against the closed form: largest difference {ridge_gap:.3f} (in units of a column's norm)")

figure, axes = plots.new_figure(1, 2, width=4.6, height=3.4, sharey=True)
for j in range(4):
    colour = plots.COLOURS[j]
    axes[0].plot(keeps, path[:, j] / truth[j], color=colour, label=f"column norm {columns[j]:g}")
    axes[0].plot(spots, learned[:, j] / truth[j], "o", color=colour)
    axes[1].plot(keeps, ridge[:, j] / truth[j], color=colour)
for ax, title in zip(axes, ("dropout: lines (4.9), dots trained", "plain ridge of the same total strength")):
    ax.set(xlabel="probability p to keep", title=title)
    ax.grid(alpha=0.25)
axes[0].set_ylabel("weight, as a part of the true one")
axes[0].legend(frameon=False)
lesson.save(figure, "ridge")

# %% [markdown]
# ## A large network and few images
#
# Two hidden layers of 512 units, 150 digits to learn from. The same network with and without dropout; with it, also max-norm
# (4.10). What is sure to fall is the test *loss*: predictions are less overconfident. The test *error* of a few hundred 8x8
# digits differs by a handful of images either way, so that this part of the claim may or may not hold here, depending on the
# seed.

# %%
x_train, y_train = lesson.arrays(train=True, limit=150)
x_test, y_test = lesson.arrays(train=False)
epochs = lesson.pick(200, 12)
repeats = lesson.pick(3, 1)
histories, scores = {}, {}
for name, q in (("without", 0.0), ("dropout", 0.5)):
    scores[name] = []
    for repeat in range(repeats):
        mc.manual_seed(100 * lesson.seed + repeat)
        net = nn.Sequential(nn.Flatten(), nn.Dropout(q * 0.4), nn.Linear(64, 512), nn.ReLU(), nn.Dropout(q),
                            nn.Linear(512, 512), nn.ReLU(), nn.Dropout(q), nn.Linear(512, 10)).to(lesson.device)
        optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
        batches = mc.data.DataLoader(mc.data.TensorDataset(x_train, y_train), 50, shuffle=True)
        tests = mc.data.DataLoader(mc.data.TensorDataset(x_test, y_test), 400)
        constrain = (lambda epoch, history, net=net: optim.max_norm_(net.parameters(), 3.0)) if q else None
        history = train.fit(net, batches, optimizer, epochs=epochs, scheduler=schedule, validate=tests, on_epoch=constrain,
                            progress=repeat == 0)
        train_loss, _ = train.evaluate(net, batches)
        scores[name].append((history.epochs[-1]["test_accuracy"], history.epochs[-1]["test_loss"], train_loss))
        histories.setdefault(name, history)
    accuracy, test_loss, train_loss = np.mean(scores[name], axis=0)
    print(f"{name}: test accuracy {accuracy:.2%}, test loss {test_loss:.3f}, training loss {train_loss:.4f} (mean of {repeats})")

series = {f"{name}, {part}": h.series(f"{part}_loss") for name, h in histories.items() for part in ("train", "test")}
title = "150 digits: loss in training (dropout at work) and on the test set"
lesson.save(plots.curves(series, xlabel="epoch", log=True, title=title), "gap")

# %% [markdown]
# Dropped at test time too, or never switched to evaluation mode? The classic mistake costs accuracy, and makes predictions
# random:

# %%
net.train()
with mc.no_grad():
    forgot = [(net(x_test).argmax(dim=1) == y_test).float().mean().item() for _ in range(5)]
print(f"in training mode by mistake, five times: {', '.join(f'{a:.1%}' for a in forgot)}")

# %% [markdown]
# ## What was claimed, what was found

# %%
acc_without, loss_without, fit_without = np.mean(scores["without"], axis=0)
acc_dropout, loss_dropout, fit_dropout = np.mean(scores["dropout"], axis=0)
lesson.claim("geometric mean of all masks = scaled network", "equal", f"{geometric_gap:.0e}", geometric_gap < 1e-12)
lesson.claim("the arithmetic mean is another", "not equal", f"{arithmetic_gap:.3f}", arithmetic_gap > 1e-3)
lesson.claim("linear regression: a ridge weighted by column energy", "equal in expectation", f"{ridge_gap:.2f} off",
             ridge_gap < 0.15)
lesson.claim("dropout lowers the test loss", "lower", f"{loss_without:.3f} to {loss_dropout:.3f}", loss_dropout < loss_without)
lesson.claim("... and the test error", "lower", f"{1 - acc_without:.2%} to {1 - acc_dropout:.2%}", acc_dropout > acc_without)
lesson.claim("... while the training loss is higher", "higher", f"{fit_without:.4f} to {fit_dropout:.4f}", fit_dropout > fit_without)
lesson.close()
assert geometric_gap < 1e-12 and arithmetic_gap > 1e-3 and ridge_gap < 0.15
assert lesson.quick or loss_dropout < loss_without
