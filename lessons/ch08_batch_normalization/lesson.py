# %% [markdown]
# # 8. Batch normalization
#
# Five layers of sigmoids on top of each other, plain gradient descent: nothing happens, at any learning rate. Ioffe and
# Szegedy (2015) bring every unit's input to mean 0 and variance 1 over the mini-batch, inside the network, and the same
# five layers learn at once. This lesson watches both, writes the layer and its gradient by hand, and looks at what else
# follows from one fact: the layer does not see how large its weights are.
#
# The equations are in the [note](../notes/ch08_batch_normalization.md). Run with `minicnn lesson 8`.

# %%
import numpy as np

import minicnn as mc
from minicnn import data, nn, optim, train
from minicnn.backend import Generator
from minicnn.inspect import plots
from minicnn.nn import functional as F
from minicnn.teaching import Lesson

lesson = Lesson(8)
x_train, y_train = lesson.arrays(train=True)
x_test, y_test = lesson.arrays(train=False)


def batches(drop_last=True):
    """Training batches of 32, shuffled anew by the seed; a smaller last one is left out (why, see "A batch of two")."""
    return data.DataLoader(
        data.TensorDataset(x_train, y_train), 32, shuffle=True, drop_last=drop_last, generator=Generator(lesson.seed)
    )


tests = data.DataLoader(data.TensorDataset(x_test, y_test), 500)

# %% [markdown]
# ## The problem
#
# Digits of 8 x 8 pixels, five layers of 64 sigmoids, and SGD without momentum. The slope of a sigmoid is at most 1/4,
# so the gradient shrinks from layer to layer. Four learning rates, over a factor of 300:


# %%
class SigmoidNet(nn.Module):
    """Five layers of 64 sigmoids and a last linear one; with batch normalization in front of each sigmoid, or without."""

    def __init__(self, normalise):
        super().__init__()
        sizes = [64] * 6
        self.linear = nn.ModuleList([nn.Linear(a, b, bias=not normalise) for a, b in zip(sizes, sizes[1:])])
        self.norm = nn.ModuleList([nn.BatchNorm1d(64) if normalise else nn.Identity() for _ in range(5)])
        self.head = nn.Linear(64, 10)
        self.watched = []  # what enters the last sigmoid's unit 0, one array for each training step

    def forward(self, x):
        x = x.flatten(1)
        for i, (linear, norm) in enumerate(zip(self.linear, self.norm)):
            x = norm(linear(x))
            if i == 4 and self.training:
                self.watched.append(mc.backend.to_numpy(x.detach().data[:, 0]))
            x = mc.sigmoid(x)
        return self.head(x)


def run(normalise, lr, epochs, progress=False, drop_last=True):
    """Train; (network, History)."""
    mc.manual_seed(lesson.seed)
    net = SigmoidNet(normalise).to(lesson.device)
    optimizer = optim.SGD(net.parameters(), lr=lr)
    return net, train.fit(net, batches(drop_last), optimizer, epochs=epochs, validate=tests, progress=progress)


epochs = lesson.pick(15, 2)
rates = lesson.pick((0.01, 0.1, 1.0, 3.0), (0.1, 1.0))
plain, watched = {}, {}
for lr in rates:
    net, plain[lr] = run(False, lr, epochs)
    watched[lr] = net.watched
    last = plain[lr].epochs[-1]
    print(f"without BN, learning rate {lr:<4}: training loss {last['train_loss']:.3f}, test accuracy {last['test_accuracy']:.1%}")
print(f"guessing: {np.log(10):.3f}, 10 %")

# %% [markdown]
# And with batch normalization, learning rate 1:

# %%
normal, history = run(True, 1.0, epochs, progress=True)
final = history.epochs[-1]
print(f"with BN, learning rate 1: training loss {final['train_loss']:.3f}, test accuracy {final['test_accuracy']:.1%}")
series = {f"without, {lr}": h.series("train_loss") for lr, h in plain.items()} | {"with BN, 1.0": history.series("train_loss")}
figure = plots.curves(series, xlabel="epoch", ylabel="training loss", title="Five sigmoid layers, plain SGD, several rates")
lesson.save(figure, "loss")

# %% [markdown]
# ## What a unit sees
#
# The paper's figure: the 15th, 50th and 85th percentile of what enters one sigmoid of the last layer, over the course of
# training. Without normalization (learning rate 1) the three are nearly one line, so that all images look alike to this
# unit: there is nothing to learn from. With it they stay apart.

# %%
figure, axes = plots.new_figure(1, 2, width=4.6, height=3.4)
spread = {}
for ax, name, values in ((axes[0], "without", watched[1.0]), (axes[1], "with BN", normal.watched)):
    values = np.array([np.percentile(v, (15, 50, 85)) for v in values])
    spread[name] = float(np.median(values[:, 2] - values[:, 0]))
    for k, label in enumerate(("15 %", "50 %", "85 %")):
        ax.plot(values[:, k], linewidth=0.8, label=label)
    ax.set(xlabel="step", title=f"{name}: 85 % minus 15 % is {spread[name]:.2g} (median)")
    ax.grid(alpha=0.25)
axes[0].set_ylabel("input of one sigmoid, last layer")
axes[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
lesson.save(figure, "percentiles")

# %% [markdown]
# ## The layer by hand
#
# Forward, (8.2), is two lines. Backward, (8.4), is one, but every $x_i$ reaches every $y_j$: through itself, through
# the mean and through the variance.


# %%
def batchnorm(x, gamma, beta, eps):
    """y, and what the backward pass needs."""
    root = np.sqrt(x.var(axis=0) + eps)
    hat = (x - x.mean(axis=0)) / root
    return gamma * hat + beta, (hat, root)


def batchnorm_backward(dy, gamma, hat, root):
    """dx, dgamma, dbeta."""
    dx = gamma / root * (dy - dy.mean(axis=0) - hat * (dy * hat).mean(axis=0))
    return dx, (dy * hat).sum(axis=0), dy.sum(axis=0)


eps = 1e-5
x, dy = lesson.rng.normal(size=(6, 3)) * 2 + 1, lesson.rng.normal(size=(6, 3))
gamma, beta = lesson.rng.normal(size=3) + 2, lesson.rng.normal(size=3)
y, (hat, root) = batchnorm(x, gamma, beta, eps)
dx, dgamma, dbeta = batchnorm_backward(dy, gamma, hat, root)
tensors = [mc.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
theirs = F.batch_norm(tensors[0], None, None, *tensors[1:], training=True, eps=eps)
theirs.backward(mc.tensor(dy))
gaps = [abs(theirs.detach().numpy() - y).max(), *(abs(t.grad.numpy() - g).max() for t, g in zip(tensors, (dx, dgamma, dbeta)))]
print("largest differences to the library, in y, dx, dgamma, dbeta:", ", ".join(f"{g:.0e}" for g in gaps))
assert max(gaps) < 1e-12

# %% [markdown]
# Two sums that need no reference, (8.5) and (8.6): $dx$ adds up to 0, and against $\hat x$ to almost 0. Whoever forgets
# that the mean and the variance depend on $x$ fails both.

# %%
forgot = gamma / root * dy
for name, gradient in (("(8.4)", dx), ("mean and variance taken for constants", forgot)):
    print(f"{name}: dx sums to {abs(gradient.sum(axis=0)).max():.0e}, dx x^ to {abs((gradient * hat).sum(axis=0)).max():.0e}")

# %% [markdown]
# The misprint of the notes: $\epsilon$ outside the root. It makes no difference until the variance is as small as
# $\epsilon$:

# %%
for variance in (1.0, 1e-3, 1e-6):
    printed, correct = np.sqrt(variance) + eps, np.sqrt(variance + eps)
    print(f"variance {variance:<6g}: the printed form divides by {printed:.3g}, the correct one by {correct:.3g}")

# %% [markdown]
# ## The size of the weights means nothing
#
# $\mathrm{BN}(\alpha W u) = \mathrm{BN}(W u)$, (8.7). So the loss does not change with the size of $W$, the gradient is
# orthogonal to $W$, and it is smaller for longer weights, by $1/\alpha$, (8.8). In the network just trained, first layer:

# %%
batch, labels = x_train[:128], y_train[:128]
normal.train()
weight = normal.linear[0].weight
original = weight.detach().clone()
scales, losses, norms, cosines = np.array([0.25, 0.5, 1, 2, 4, 8]), [], [], []
for alpha in scales:
    with mc.no_grad():
        weight.copy_(original * float(alpha))
    normal.zero_grad()
    loss = F.cross_entropy(normal(batch), labels)
    loss.backward()
    w, g = (mc.backend.to_numpy(t.data).astype(np.float64) for t in (weight, weight.grad))
    losses.append(loss.item())
    norms.append(np.linalg.norm(g))
    cosines.append(abs((w * g).sum(axis=1)).max() / (np.linalg.norm(w, axis=1) * np.linalg.norm(g, axis=1)).max())
with mc.no_grad():
    weight.copy_(original)
slope = np.polyfit(np.log(scales), np.log(norms), 1)[0]
print("alpha      " + "".join(f"{a:>9g}" for a in scales))
print("loss       " + "".join(f"{v:>9.4f}" for v in losses))
print("|gradient| " + "".join(f"{v:>9.2g}" for v in norms))
print(f"the gradient's length goes like alpha^{slope:.3f}; cosine between a row and its gradient at most {max(cosines):.1e}")

# %% [markdown]
# A step that is orthogonal to $w$ makes $w$ longer, and the next gradient smaller: a learning rate that is too large cures
# itself. Here is the length of the first layer's weights while training at three rates.

# %%
lengths = {}
for lr in lesson.pick((0.3, 3.0, 30.0), (0.3, 30.0)):
    mc.manual_seed(lesson.seed)
    net = SigmoidNet(True).to(lesson.device)
    optimizer = optim.SGD(net.parameters(), lr=lr)
    lengths[f"learning rate {lr:g}"] = found = []
    for _ in range(lesson.pick(4, 1)):
        for images, targets in batches():
            found.append(float(np.linalg.norm(mc.backend.to_numpy(net.linear[0].weight.data))))
            optimizer.zero_grad()
            F.cross_entropy(net(images), targets).backward()
            optimizer.step()
grown = [values[-1] / values[0] for values in lengths.values()]
lesson.save(
    plots.curves(lengths, ylabel="|W| of the first layer", log=True, title="Steps orthogonal to W make it longer"),
    "lengths",
)

# %% [markdown]
# ## Training and prediction are two functions
#
# In evaluation, running averages take the place of the batch's own numbers, (8.9) and (8.10). The variance that is
# stored is the unbiased one. With batches of four, the factor $m/(m-1) = 4/3$ is easy to see:

# %%
mc.manual_seed(lesson.seed)
layer = nn.BatchNorm1d(1, momentum=None).double()  # the plain mean over all batches
biased = []
for _ in range(4000):
    values = mc.tensor(lesson.rng.normal(size=(4, 1)) * 3 + 5)
    layer(values)
    biased.append(values.numpy().var())
stored = layer.running_var.item()
print(f"true variance 9; mean of the batches' own {np.mean(biased):.2f} (expected {0.75 * 9:.2f}), stored {stored:.2f}")

normal.eval()
with mc.no_grad():
    alone, together = normal(x_test[:1]).numpy(), normal(x_test[:64]).numpy()[:1]
    normal.train()
    company = [normal(mc.cat([x_test[:1], x_test[k : k + 31]])).numpy()[:1] for k in range(1, 200, 20)]
scatter = np.std(company, axis=0).max()
print(f"logits of one image: in evaluation alone or in company differ by {abs(alone - together).max():.0e}; "
      f"in training mode they scatter by {scatter:.2f} with the company")

# %% [markdown]
# ## A batch of two
#
# There are 1,442 training digits: 45 batches of 32, and two left over. Of two values $\hat x$ keeps nothing but which
# one was larger, whatever their difference was, so those two images send the network a large and meaningless step, once
# an epoch, just before it is tested.

# %%
_, with_two = run(True, 1.0, epochs, drop_last=False)
two = with_two.epochs[-1]["test_accuracy"]
print(f"test accuracy without the last two images {final['test_accuracy']:.1%}, with a batch of just these two {two:.1%}")

# %% [markdown]
# ## Convolutions, and the learning rate
#
# A channel's pixels share their statistics, (8.11). Two small networks of four convolutions, the same but for batch
# normalization, at learning rates from 0.03 to 10, both started by He's rule (chapter 9): test accuracy after eight
# epochs.


# %%
def convolutional(normalise):
    """Four 3 x 3 convolutions of 16 channels with ReLU, global average, 10 classes."""
    mc.manual_seed(lesson.seed)
    layers, c = [], 1
    for _ in range(4):
        layers += [nn.Conv2d(c, 16, 3, padding=1, bias=not normalise), *([nn.BatchNorm2d(16)] if normalise else []), nn.ReLU()]
        c = 16
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    for module in net:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return net.to(lesson.device)


accuracy = {"without": [], "with BN": []}
rates = lesson.pick((0.03, 0.1, 0.3, 1.0, 3.0, 10.0), (0.3, 1.0))
for name, found in accuracy.items():
    for lr in rates:
        net = convolutional(name == "with BN")
        optimizer = optim.SGD(net.parameters(), lr=lr)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                record = train.fit(net, batches(), optimizer, epochs=lesson.pick(8, 1), validate=tests, progress=False)
            found.append(record.epochs[-1]["test_accuracy"])
        except mc.AnomalyError:
            found.append(0.1)  # the loss is no number any more: guessing
    print(f"{name:<8}" + "  ".join(f"{lr:g}: {a:.1%}" for lr, a in zip(rates, found)))
figure = plots.curves({k: (rates, v) for k, v in accuracy.items()}, xlabel="learning rate", ylabel="test accuracy",
                      title="Four convolutions on digits, eight epochs")
figure.axes[0].set_xscale("log")
for line in figure.axes[0].lines:
    line.set_marker("o")
lesson.save(figure, "rates")

# %% [markdown]
# ## What was claimed, what was found

# %%
stuck = min(h.epochs[-1]["train_loss"] for h in plain.values())
good = {name: sum(a > 0.8 for a in found) for name, found in accuracy.items()}
best = {name: max(found) for name, found in accuracy.items()}
distance, share = max(losses) - min(losses), final["test_accuracy"]
wider = f"85 % - 15 %: {spread['without']:.2g} without, {spread['with BN']:.2g} with"
lesson.claim("sigmoid layers do not train without BN", f"stuck near {np.log(10):.2f}", f"{stuck:.2f}, the best rate", stuck > 2.2)
lesson.claim("... train with it", "yes", f"{final['train_loss']:.3f}, test {share:.1%}", final["train_loss"] < 0.3)
lesson.claim("inputs of a unit keep their distribution", "yes", wider, spread["with BN"] > 10 * spread["without"])
lesson.claim("the loss does not see the size of W", "equal", f"{distance:.0e} apart", distance < 0.02)
lesson.claim("the gradient goes like 1 / alpha", "-1", f"{slope:.3f}", abs(slope + 1) < 0.05)
lesson.claim("the stored variance is unbiased", "9", f"{stored:.2f}", abs(stored - 9) < 0.6)
lesson.claim("more learning rates work (over 80 %)", "more", f"{good['without']} without, {good['with BN']} with",
             good["with BN"] > good["without"])
lesson.claim("the best result is better", "better", f"{best['without']:.1%}, {best['with BN']:.1%}",
             best["with BN"] > best["without"])
lesson.close()
assert abs(slope + 1) < 0.05 and distance < 0.02 and max(cosines) < 0.02 and abs(stored - 9) < 0.6
assert grown[-1] > grown[0]
assert lesson.quick or (stuck > 2.2 and final["train_loss"] < 0.3 and share > 0.9)
assert lesson.quick or (spread["with BN"] > 10 * spread["without"] and good["with BN"] > good["without"])
