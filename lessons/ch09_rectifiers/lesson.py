# %% [markdown]
# # 9. PReLU and He initialization
#
# Thirty layers, one on top of the other, random weights: what comes out? With weights a little too small, nothing; with
# weights a little too large, infinity. He, Zhang, Ren and Sun (2015) asked how large exactly is right when the layers are
# rectified, and found $\mathrm{Var}[w] = 2/n$. The factor 2 is the whole point: it makes up for the half that ReLU throws
# away. The same paper let the network learn how much of that half to keep (PReLU).
#
# The equations are in the [note](../notes/ch09_rectifiers.md). Run with `minicnn lesson 9`.

# %%
import math

import numpy as np

import minicnn as mc
from minicnn import nn, optim, train
from minicnn.inspect import plots
from minicnn.nn import functional as F
from minicnn.teaching import Lesson

lesson = Lesson(9, sets=("digits",))

# %% [markdown]
# ## Thirty layers at the start
#
# A signal of variance 1 enters thirty ReLU layers of width 256. Four rules for the weights: He's $2/n$; the older $1/n$; the
# default of `nn.Linear`, $1/(3n)$; and the misprint of the notes, $\sqrt{2/n}$ read as a variance. (9.6) predicts a factor
# $\frac{1}{2} n \mathrm{Var}[w]$ per layer.

# %%
width, depth, images = 256, 30, 128
rules = {"He, 2/n": 2 / width, "1/n": 1 / width, "default, 1/(3n)": 1 / (3 * width), "misprint, sqrt(2/n)": math.sqrt(2 / width)}


def variances(variance, rng):
    """Mean square of the responses of each layer, and of the gradients that arrive there for random ones at the top."""
    weights = [rng.normal(size=(width, width)) * math.sqrt(variance) for _ in range(depth)]
    x, responses = rng.normal(size=(images, width)), []
    for w in weights:
        responses.append(x @ w.T)
        x = np.maximum(responses[-1], 0)
    g, gradients = rng.normal(size=x.shape), []
    for w, y in zip(reversed(weights), reversed(responses)):
        gradients.append(g)
        g = (g * (y > 0)) @ w
    return [np.mean(y**2) for y in responses], [np.mean(g**2) for g in gradients[::-1]]


forward, backward = {}, {}
for name, variance in rules.items():
    forward[name], backward[name] = variances(variance, lesson.rng)
    factor = 0.5 * width * variance
    print(f"{name:<20} predicted factor per layer {factor:6.3f}; after {depth} layers Var[y] {forward[name][-1]:9.2g} "
          f"(predicted {forward[name][0] * factor ** (depth - 1):9.2g}), gradient at layer 1 {backward[name][0]:9.2g}")

figure, axes = plots.new_figure(1, 2, width=5, height=3.6)
for name in rules:
    axes[0].plot(range(1, depth + 1), forward[name], label=name)
    axes[1].plot(range(1, depth + 1), backward[name], label=name)
for ax, what in zip(axes, ("responses y, forward", "gradients, backward")):
    ax.set(yscale="log", xlabel="layer", ylabel="variance", title=what)
    ax.grid(alpha=0.25)
axes[0].legend(frameon=False)
lesson.save(figure, "variance")

# %% [markdown]
# ## Where the half comes from
#
# A symmetric $y$ puts half of its second moment on either side of 0. ReLU keeps one side; PReLU with slope $a$ keeps $a^2$ of
# the other, (9.5). Measured on a million normal numbers:

# %%
y = lesson.rng.normal(size=(lesson.pick(1_000_000, 100_000), 1))
for a in (0.0, 0.25, 1.0):
    kept = np.mean(F.prelu(mc.tensor(y), mc.tensor(np.array([a]))).numpy() ** 2)
    print(f"slope {a:4}: E[f(y)^2] = {kept:.4f}, (1 + a^2)/2 = {(1 + a * a) / 2:.4f}")
    assert abs(kept - (1 + a * a) / 2) < 0.02

# %% [markdown]
# ## He initialization in the open
#
# For a weight of shape (out, in, k, k), fan-in is $n = k^2 \cdot \text{in}$: how many numbers one response sums. (9.12) for
# slope $a$:


# %%
def kaiming_normal(shape, a, rng):
    """Normal weights of variance 2 / ((1 + a^2) n), n the fan-in."""
    n = math.prod(shape[1:])
    return rng.normal(size=shape) * math.sqrt(2 / ((1 + a * a) * n))


for a in (0.0, 0.25):
    ours = kaiming_normal((64, 32, 3, 3), a, mc.Generator(7).numpy)
    theirs = nn.init.kaiming_normal_(mc.zeros(64, 32, 3, 3, dtype=np.float64), a=a, generator=mc.Generator(7)).numpy()
    print(f"slope {a}: standard deviation {ours.std():.5f}, the library's {theirs.std():.5f}, "
          f"largest difference {abs(ours - theirs).max():.1g}")
    assert np.allclose(ours, theirs)

# %% [markdown]
# ## Does it matter for training?
#
# Thirty layers, real digits, plain SGD. Same network, same data, same learning rate; only the first weights differ. Then the
# same once more with PReLU, its slopes free to move.


# %%
def deep_net(variance_times_n, layer=nn.ReLU, hidden=64):
    """A plain stack of fully connected layers whose weights have variance variance_times_n / n."""
    sizes = [64] + [hidden] * (lesson.pick(30, 12) - 1)
    parts = [nn.Flatten()]
    for n, out in zip(sizes, sizes[1:]):
        parts += [nn.Linear(n, out), layer()]
    net = nn.Sequential(*parts, nn.Linear(hidden, 10))
    for part in net:
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=math.sqrt(variance_times_n / part.in_features))
            nn.init.zeros_(part.bias)
    return net.to(lesson.device)


nets = {"He, 2/n": deep_net(2.0), "1/n": deep_net(1.0), "default, 1/(3n)": deep_net(1 / 3),
        "PReLU, 2/((1+a^2)n)": deep_net(2 / (1 + 0.25**2), nn.PReLU)}
epochs = lesson.pick(25, 3)
losses, accuracy, slopes = {}, {}, None
for name, net in nets.items():
    batches, test_batches = lesson.loaders(batch_size=32)
    slope_parameters = [p for n, p in net.named_parameters() if p.numel() == 1]
    others = [p for p in net.parameters() if p.numel() > 1]
    groups = [{"params": others, "weight_decay": 1e-4}]
    if slope_parameters:
        groups.append({"params": slope_parameters, "weight_decay": 0})  # decay would push the slopes to 0
    optimizer = optim.SGD(groups, lr=0.01, momentum=0.9)
    print(f"\n{name}")
    history = train.fit(net, batches, optimizer, epochs=epochs, validate=test_batches, max_norm=1.0)
    losses[name], accuracy[name] = history.series("loss"), history.epochs[-1]["test_accuracy"]
    if slope_parameters:
        slopes = [p.item() for p in slope_parameters]
for name, value in accuracy.items():
    print(f"{name:<20} test accuracy {value:.1%}, training loss at the end {np.mean(losses[name][-50:]):.3f}")
title = f"Training loss, {len(slopes) + 1} layers: a running mean over 40 steps"
lesson.save(plots.curves(losses, smooth=40, title=title), "training")

# %% [markdown]
# The slopes that were learned, layer by layer. The paper found a large one in the first convolution (0.68, or 0.6 on average
# over its channels: edge filters, whose negative answers say as much as the positive ones) and small ones deeper down. This
# net is dense: its first layer has no edge filters to keep both signs of, and no reason to follow that pattern. Expect the
# claim not to hold here.

# %%
layers = range(1, len(slopes) + 1)
figure = plots.curves({"learned": (layers, slopes), "at the start": (layers, [0.25] * len(slopes))},
                      xlabel="layer", ylabel="slope a", title="PReLU slopes after training")
lesson.save(figure, "slopes")
first, last = np.mean(slopes[: len(slopes) // 3]), np.mean(slopes[-(len(slopes) // 3):])

# %% [markdown]
# ## What was claimed, what was found

# %%
he, old = forward["He, 2/n"], forward["1/n"]
final = {name: np.mean(values[-50:]) for name, values in losses.items()}
lesson.claim("with 2/n the variance stays of order one", "factor 1 per layer", f"{he[-1] / he[0]:.2f} after {depth}",
             0.05 < he[-1] / he[0] < 20)
lesson.claim("with 1/n it halves in every layer", "2^-29 = 2e-9", f"{old[-1] / old[0]:.1g}", 1e-10 < old[-1] / old[0] < 4e-8)
lesson.claim("the same holds for gradients", "2^-29 = 2e-9", f"{backward['1/n'][0] / backward['1/n'][-1]:.1g}",
             1e-10 < backward["1/n"][0] / backward["1/n"][-1] < 4e-8)
lesson.claim("a 30-layer ReLU net learns with 2/n", "converges", f"loss {final['He, 2/n']:.3f}", final["He, 2/n"] < 0.5)
lesson.claim("... and stalls with 1/n", "stalls", f"loss {final['1/n']:.3f}", final["1/n"] > 2.0)
lesson.claim("PReLU trains as well or better", "lower error", f"loss {final['PReLU, 2/((1+a^2)n)']:.3f}",
             final["PReLU, 2/((1+a^2)n)"] < final["He, 2/n"])
lesson.claim("slopes are larger in early layers", "0.25 becomes 0.6 and 0.1", f"{first:.2f} early, {last:.2f} late", first > last)
lesson.close()
assert 0.05 < he[-1] / he[0] < 20 and old[-1] / old[0] < 4e-8
if not lesson.quick:
    assert final["He, 2/n"] < 0.5 and final["1/n"] > 2.0 and final["default, 1/(3n)"] > 2.0
