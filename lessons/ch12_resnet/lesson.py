# %% [markdown]
# # 12. ResNet
#
# More layers can compute more, so a deeper network should fit its training data at least as well. It does not: past a
# certain depth it gets *worse on the very data it is trained on*. He, Zhang, Ren and Sun mended that in 2015 with one
# plus sign, and trained networks of 152 layers. This lesson makes depth fail, twice: once with a plain chain of
# layers, once with batch normalization, as in the paper. Then it adds the plus sign.
#
# The equations are in the [note](../notes/ch12_resnet.md). Run with `minicnn lesson 12`. The same on real photographs,
# with the paper's schedule, is `examples/train_cifar10.py`.

# %%
import numpy as np

import minicnn as mc
from minicnn import data, models, nn, optim, train
from minicnn.backend import Generator
from minicnn.inspect import plots
from minicnn.models.resnet import BasicBlock, Bottleneck, PadShortcut
from minicnn.nn import functional as F
from minicnn.teaching import Lesson

lesson = Lesson(12)
x_train, y_train = lesson.arrays(train=True)

# %% [markdown]
# ## The problem
#
# Handwritten digits of 8 x 8 pixels, and networks of 32 units a layer, 4 to 50 layers deep, all started by He's rule
# (chapter 9). $L$ is the number of pairs. What is plotted is the loss on the *training* set, so overfitting has no part in it.


# %%
class Pair(nn.Module):
    """Two layers W2 ReLU(W1 x) =: F(x). Plain: ReLU(F(x)). Residual: x + s F(x)."""

    def __init__(self, units, plain=False, s=1.0, zero=False):
        super().__init__()
        self.plain, self.s = plain, s
        self.first, self.second = nn.Linear(units, units), nn.Linear(units, units)
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        if not plain:
            nn.init.normal_(self.second.weight, std=0 if zero else units ** -0.5)  # no ReLU after it: unit gain, (12.7)

    def forward(self, x):
        y = self.second(F.relu(self.first(x)))
        return F.relu(y) if self.plain else x + self.s * y


def chain(depth, **options):
    """A first layer from 64 pixels to 32 units, depth / 2 pairs of layers, and a last one to 10 classes."""
    pairs = [Pair(32, **options) for _ in range(depth // 2)]
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), *pairs, nn.Linear(32, 10)).to(lesson.device)


def training_loss(model, lr, epochs, max_norm=1.0):
    """Train, the gradient clipped to a norm of 1; return the mean loss over the last epoch, nan where training breaks off."""
    batches = data.DataLoader(data.TensorDataset(x_train, y_train), 32, shuffle=True, generator=Generator(lesson.seed))
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            history = train.fit(model, batches, optimizer, epochs=epochs, max_norm=max_norm, progress=False)
    except mc.AnomalyError as error:
        print(f"  training broke off: {str(error).split('.')[0]}")
        return float("nan")
    return history.series("train_loss")[-1]


epochs = lesson.pick(5, 1)
depths = lesson.pick((4, 10, 20, 50), (4, 10))
deep = depths[-1]
kinds = {"plain": {"plain": True}, "x + F / sqrt(L)": {}, "x + F, F from 0": {"zero": True}}
losses = {kind: [] for kind in kinds}
for kind, options in kinds.items():
    for depth in depths:
        mc.manual_seed(lesson.seed)
        s = (2 / depth) ** 0.5 if "sqrt" in kind else 1.0
        losses[kind].append(training_loss(chain(depth, s=s, **options), lr=0.02, epochs=epochs))
    print(f"{kind:<16}" + "  ".join(f"{d} layers: {v:.3f}" for d, v in zip(depths, losses[kind])))

# %% [markdown]
# Could the deep plain network do better with a smaller learning rate? Here is one, and the better result counts.

# %%
for lr in lesson.pick((0.005,), ()):
    mc.manual_seed(lesson.seed)
    value = training_loss(chain(deep, plain=True), lr, epochs)
    print(f"plain, {deep} layers, learning rate {lr}: {value:.3f}")
    losses["plain"][-1] = min(losses["plain"][-1], value)
figure = plots.curves({kind: (depths, values) for kind, values in losses.items()}, xlabel="layers",
                      ylabel="training loss, last epoch", log=True, title="Degradation: deeper plain networks fit worse")
for line in figure.axes[0].lines:
    line.set_marker("o")
figure.axes[0].axhline(np.log(10), color="gray", linestyle=":", linewidth=1)
figure.axes[0].text(depths[0], np.log(10) * 1.06, "guessing", color="gray", fontsize=8)
lesson.save(figure, "degradation")

# %% [markdown]
# ## It could, but it does not
#
# The deep network *can* compute what the shallow one does: let the additional layers copy. With $W = I$ and no bias,
# $\mathrm{ReLU}(I x) = x$ for all $x$ that came out of a ReLU, (12.1). To the last bit:

# %%
shallow = chain(4, plain=True)
copies = [Pair(32, plain=True) for _ in range((deep - 4) // 2)]
for pair in copies:
    nn.init.eye_(pair.first.weight)
    nn.init.eye_(pair.second.weight)
constructed = nn.Sequential(*shallow[:-1], *copies, shallow[-1]).to(lesson.device)
with mc.no_grad():
    same = abs(constructed(x_train) - shallow(x_train)).max().item()
print(f"{deep} layers, built from the 4-layer network by adding copies: largest difference {same:g}")
assert same == 0

# %% [markdown]
# So the good weights exist; gradient descent does not find them. Copying is a special point among all matrices, far
# from a random start. **The idea:** make copying the default, and let the layers learn the difference: $x + F(x)$. To
# copy, $F = 0$.
#
# ## What the plus sign does to gradients
#
# The Jacobian of $x + F(x)$ is $I + F'$, (12.3), and that of $L$ such blocks is $\prod (I + F_l')$. If every $F_l'$
# has singular values up to $\rho$, all singular values of the product lie between $(1 - \rho)^L$ and $(1 + \rho)^L$,
# (12.5). For a plain chain they are those of a product of random matrices: a few directions survive, the others fade
# to nothing. Here are all of them, at the start.

# %%
blocks = lesson.pick(25, 10)
spectra = {}
start = mc.tensor(abs(lesson.rng.normal(size=32)))  # in double precision on the CPU
for kind, options in (("plain", {"plain": True}), ("x + F", {}),
                      ("x + F / sqrt(L)", {"s": blocks ** -0.5})):
    mc.manual_seed(lesson.seed)
    body = nn.Sequential(*[Pair(32, **options) for _ in range(blocks)]).double()
    spectra[kind] = np.linalg.svd(mc.jacobian(body, start).numpy(), compute_uv=False)
    print(f"{kind:<16} singular values from {spectra[kind].max():.2g} down to {spectra[kind].min():.2g}")
figure = plots.curves({kind: (np.arange(1, 33), np.maximum(values, 1e-18)) for kind, values in spectra.items()},
                      xlabel="which, by size (0 drawn as 1e-18)", ylabel="singular value", log=True,
                      title=f"The Jacobian of {2 * blocks} layers at the start")
lesson.save(figure, "jacobian")

# %% [markdown]
# ## What it does to the signal
#
# Adding has a price. A branch of unit gain, scaled by $s$, adds $s^2$ times the variance of what it is added to: a
# factor $1 + s^2$ a block, (12.7). At $s = 1$ the variance **doubles with every block**. Remedies: $s = 1/\sqrt{L}$,
# or batch normalization at the end of each branch, which makes it *one more* with every block in place of twice as
# much, (12.8), or a branch that starts at zero.

# %%
blocks = lesson.pick(30, 10)
signal, predicted = {}, {}
width = 256
for kind, s in (("s = 1", 1.0), ("s = 1 / sqrt(L)", blocks ** -0.5), ("s = 1 and BN", None)):
    h = lesson.rng.normal(size=(256, width))
    h = h0 = (h - h.mean(0)) / h.std(0)
    variance = [h.var(axis=0).mean()]
    for _ in range(blocks):
        w1 = lesson.rng.normal(size=(width, width)) * (2 / width) ** 0.5
        w2 = lesson.rng.normal(size=(width, width)) * (1 / width) ** 0.5
        f = np.maximum(h @ w1.T, 0) @ w2.T
        h = h + ((f - f.mean(0)) / f.std(0) if s is None else s * f)
        variance.append((h ** 2).mean() if s is not None else h.var(axis=0).mean())
    signal[kind] = variance
    predicted[kind] = 1 + np.arange(blocks + 1) if s is None else (1 + s * s) ** np.arange(blocks + 1)
figure = plots.curves(signal, xlabel="block", ylabel="variance of the signal", log=True,
                      title="Signals at the start; dashed: (12.7) and (12.8)")
for line, kind in zip(list(figure.axes[0].lines), signal):
    figure.axes[0].plot(predicted[kind], "--", color=line.get_color(), linewidth=1)
lesson.save(figure, "variance")
growth = {kind: values[-1] / predicted[kind][-1] for kind, values in signal.items()}
for kind, values in signal.items():
    print(f"{kind:<16} variance after {blocks} blocks {values[-1]:.3g}, predicted {predicted[kind][-1]:.3g}")

# %% [markdown]
# So the deep chain with unscaled branches, no normalization and no clipping should not train at all:

# %%
mc.manual_seed(lesson.seed)
unscaled = training_loss(chain(50), lr=0.02, epochs=1, max_norm=None)

# %% [markdown]
# ## The block, in the open
#
# The paper's basic block: two 3x3 convolutions with batch normalization, the plus, and the ReLU *after* the plus,
# (12.2). Where the picture is halved and the channels doubled, $x$ does not fit $F(x)$. Option A takes every second
# pixel and appends channels of zeros; option B is a 1x1 convolution of stride 2, (12.6).


# %%
def basic_block(x, block, stride):
    """The same in five lines of functions, from the block's own weights."""
    y = F.relu(F.batch_norm(F.conv2d(x, block.conv1.weight, stride=stride, padding=1), None, None, training=True))
    y = F.batch_norm(F.conv2d(y, block.conv2.weight, stride=1, padding=1), None, None, training=True)
    if block.downsample is None:
        return F.relu(y + x)
    if isinstance(block.downsample, PadShortcut):  # option A
        short = mc.zeros(*y.shape, dtype=y.dtype).data
        short[:, : x.shape[1]] = x[:, :, ::stride, ::stride].data
        return F.relu(y + mc.tensor(short))
    return F.relu(y + F.batch_norm(F.conv2d(x, block.downsample[0].weight, stride=stride), None, None, training=True))  # B


x = mc.tensor(lesson.rng.normal(size=(4, 6, 8, 10)))
for option, channels, stride in (("identity", 6, 1), ("A", 12, 2), ("B", 12, 2)):
    block = BasicBlock(6, channels, stride, "B" if option == "identity" else option).double()
    with mc.no_grad():
        worst = abs(basic_block(x, block, stride) - block(x)).max().item()
    print(f"basic block, shortcut {option:<8} {x.shape} to {block(x).shape}: against the library's, largest difference {worst:.1e}")
    assert worst < 1e-12

# %% [markdown]
# ## Plain against residual, with batch normalization
#
# Now the paper's experiment: its CIFAR networks of 20 and 56 layers (with 8 channels in place of 16) and their plain
# twins, which are the same without the plus. All have batch normalization after each convolution. First, *before any
# step*, the gradient of the loss in the weights of each convolution:

# %%
nets, gradients = {}, {}
names = {False: "plain", True: "residual"}
sizes = lesson.pick((3, 9), (1, 2))  # blocks a stage
for residual in (False, True):
    for n in sizes:
        mc.manual_seed(lesson.seed)
        net = models.resnet20(layers=(n, n, n), width=8, in_channels=1, shortcut="A" if residual else "none").to(lesson.device)
        nets[names[residual], 6 * n + 2] = net
        F.cross_entropy(net(x_train[:256]), y_train[:256]).backward()
        weights = [p for name, p in net.named_parameters() if "conv" in name]
        gradients[names[residual], 6 * n + 2] = [w.grad.square().sum().sqrt().item() for w in weights]
small, large = (6 * n + 2 for n in sizes)
figure = plots.curves({f"{kind} {depth}": values for (kind, depth), values in gradients.items()},
                      xlabel="convolution, from the image up", ylabel="norm of the gradient", log=True,
                      title="Gradients of the weights, before the first step")
lesson.save(figure, "gradients")
ratio = {key: values[1] / values[-1] for key, values in gradients.items()}  # the stem apart: it is shaped otherwise
for (kind, depth), value in ratio.items():
    print(f"{kind} {depth}: gradient in the first block over that in the last: {value:.3g}")

# %% [markdown]
# The paper writes that the gradients of its plain networks have healthy norms thanks to batch normalization. At the
# start, here, they have not: they grow from the last layer to the first, by about $\sqrt{\pi/(\pi - 1)}$ a layer,
# (12.9). (The paper may speak of later steps, or of fewer layers.)
#
# Now train them, all alike:

# %%
histories = {}
conv_epochs = lesson.pick(4, 1)
for (kind, depth), net in nets.items():
    batches, test_batches = lesson.loaders(batch_size=64, limit=lesson.pick(None, 256))
    optimizer = optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
    print(f"\n{kind} {depth}, {mc.inspect.count_parameters(net):,} weights")
    histories[kind, depth] = train.fit(net, batches, optimizer, epochs=conv_epochs, validate=test_batches)
final = {key: history.series("train_loss")[-1] for key, history in histories.items()}
figure = plots.curves({f"{kind} {depth}": h.series("loss") for (kind, depth), h in histories.items()}, log=True, smooth=10,
                      ylabel="training loss", title="Training loss, with batch normalization: the mean over 10 steps")
lesson.save(figure, "training")

# %% [markdown]
# ## Many paths
#
# A residual network is a sum over $2^L$ paths, one for each choice of branch or shortcut at each block, (12.4). Take
# one block out, and half of the paths are left. Take a layer pair out of a plain network, and its one path is cut.
# (Veit, Wilber and Belongie 2016 did this to trained networks.) Blocks that change the shape stay, and nothing is
# trained again.

# %%
x_test, y_test = lesson.arrays(train=False)


def accuracy_without(net, block):
    """The test accuracy with one block replaced by the identity."""
    handle = block.register_forward_hook(lambda module, args, result: args[0])
    with mc.no_grad():
        accuracy = (net(x_test).argmax(dim=1) == y_test).float().mean().item()
    handle.remove()
    return accuracy


cut, whole = {}, {}
for kind in ("plain", "residual"):
    net = nets[kind, small].eval()
    whole[kind] = histories[kind, small].series("test_accuracy")[-1]
    removable = [b for name in net.stages for i, b in enumerate(getattr(net, name)) if i > 0 or name == "layer1"]
    cut[kind] = [accuracy_without(net, block) for block in removable]
    print(f"{kind} {small}: test accuracy {whole[kind]:.1%}; without one block, on average {np.mean(cut[kind]):.1%}, "
          + " ".join(f"{a:.0%}" for a in cut[kind]))

# %% [markdown]
# ## The big ones, and what they cost
#
# Table 1 of the paper prints "FLOPs". Count multiply-adds, with nothing but the table of blocks: which of two forms
# gives the printed figures, the stride in the first 1x1 of a bottleneck, or in its 3x3, as in today's libraries?


# %%
def cost(blocks, bottleneck, stride_in_1x1=False):
    """(parameters, multiply-adds at 224 x 224) of an ImageNet ResNet."""
    side, c = 56, 64
    convs = [(49 * 3 * 64, 112, 64)]  # (weights, side of the output, channels of the BN)
    for k, count in enumerate(blocks):
        width = 64 * 2 ** k
        out = 4 * width if bottleneck else width
        for i in range(count):
            after = side // 2 if k > 0 and i == 0 else side
            if bottleneck:
                convs += [(c * width, after if stride_in_1x1 else side, width), (9 * width * width, after, width),
                          (width * out, after, out)]
            else:
                convs += [(9 * c * width, after, width), (9 * width * width, after, width)]
            if c != out:
                convs.append((c * out, after, out))  # the projection of option B
            side, c = after, out
    parameters = sum(weights + 2 * bn for weights, _, bn in convs) + 1000 * c + 1000
    return parameters, sum(weights * s * s for weights, s, _ in convs) + 1000 * c


rows = {"resnet18": ((2, 2, 2, 2), False, 1.8), "resnet34": ((3, 4, 6, 3), False, 3.6), "resnet50": ((3, 4, 6, 3), True, 3.8),
        "resnet101": ((3, 4, 23, 3), True, 7.6), "resnet152": ((3, 8, 36, 3), True, 11.3)}
fits = {True: 0, False: 0}
print(f"{'':<10} {'printed':>8} {'stride in 1x1':>16} {'in 3x3':>16} {'parameters':>12}")
for name, (blocks, bottleneck, printed) in rows.items():
    parameters, macs = cost(blocks, bottleneck)
    info = models.model_info(name)  # which the library's tests count on the model itself
    assert (parameters, macs) == (info.parameters, info.macs)
    old = cost(blocks, bottleneck, stride_in_1x1=True)[1]
    for where, value in ((True, old), (False, macs)):
        fits[where] += printed in (round(value / 1e9, 1), int(value / 1e8) / 10)  # rounded, or cut off
    print(f"{name:<10} {printed:>7}e9 {old:>16,} {macs:>16,} {parameters:>12,}")

# %% [markdown]
# Why did libraries move the stride? With it in the 1x1, both the branch and the projection read the same quarter of
# the pixels; the other three quarters are computed by the stage before and never looked at, (12.14). Which input
# pixels change the output of the block:

# %%
seen = {}
for where in (True, False):
    block = Bottleneck(32, 16, 2, stride_in_1x1=where).double()
    pixels = mc.tensor(lesson.rng.normal(size=(16, 32, 8, 8)), requires_grad=True)
    output = block(pixels)
    output.backward(mc.tensor(lesson.rng.normal(size=output.shape)))
    seen[where] = np.square(pixels.grad.numpy()).mean(axis=(0, 1)) ** 0.5
    print(f"stride in the {'1x1' if where else '3x3'}: {np.mean(seen[where] > 0):.0%} of the pixels are read")
shown = np.stack([seen[where] / seen[where].max() for where in (True, False)])
figure = plots.images(shown, ["stride in the 1x1", "stride in the 3x3"], size=2.2,
                      title="Size of the gradient in each pixel; black: none")
lesson.save(figure, "stride")

# %% [markdown]
# ## What was claimed, what was found
#
# Two claims of the paper are reported but not insisted on. That gradients of plain networks are healthy did not hold
# at the start, and (12.9) says why. And that the *deeper residual* network is the better one needs long training on
# much data: after a few epochs on small digits both have learned nearly all there is, and which of them is ahead is
# chance.

# %%
insisted = []


def claim(what, printed, measured, held, insist=True):
    """A row of the table; the lesson fails at its end if one that it insists on did not hold."""
    lesson.claim(what, printed, measured, held)
    insisted.append(held or not insist)


plain, residual, zero = (values[-1] for values in losses.values())
first = losses["plain"][0]
claim("degradation: a deeper plain net fits its training set worse", "yes", f"{deep} layers {plain:.2f}, 4 layers {first:.2f}",
      plain > 2 * first)
claim(f"with shortcuts {deep} layers train", "yes", f"{residual:.2f}, from zero {zero:.2f}",
      residual < plain / 3 and zero < plain / 3)
claim("copies make the deep net equal to the shallow", "exactly", f"{same:g}", same == 0)
claim("without scale or normalization 50 layers blow up", "2^L", f"loss {unscaled:.3g}", np.isnan(unscaled) or unscaled > 10)
claim("variance after all blocks, over the predicted", "1", ", ".join(f"{g:.2f}" for g in growth.values()),
      all(0.3 < g < 3 for g in growth.values()))
claim(f"with BN too: plain {large} fits worse than plain {small}", "yes",
      f"{final['plain', large]:.2f} and {final['plain', small]:.2f}", final["plain", large] > 1.5 * final["plain", small])
claim(f"residual {large} fits better than plain {large}", "yes", f"{final['residual', large]:.2f} and {final['plain', large]:.2f}",
      final["residual", large] < final["plain", large] / 2)
claim(f"residual {large} fits better than residual {small}", "yes",
      f"{final['residual', large]:.3f} and {final['residual', small]:.3f}",
      final["residual", large] < final["residual", small], insist=False)
claim(f"plain {large}: gradients have healthy norms", "within 10x", f"{ratio['plain', large]:.2g} from end to end",
      ratio["plain", large] < 10, insist=False)
claim("taking out a block hurts a residual net less than a plain one", "yes",
      f"to {np.mean(cut['residual']):.0%} and {np.mean(cut['plain']):.0%}", np.mean(cut["residual"]) > np.mean(cut["plain"]) + 0.2)
claim("table 1's FLOPs: multiply-adds, stride in the 1x1", "5 rows", f"{fits[True]} rows; stride in the 3x3: {fits[False]}",
      fits[True] == 5 and fits[False] == 2)
read = {where: np.mean(seen[where] > 0) for where in seen}
claim("stride in the 1x1 reads a quarter of the pixels", "25%", f"{read[True]:.0%}, in the 3x3 {read[False]:.0%}",
      read[True] == 0.25 and read[False] == 1)
lesson.close()
assert all(insisted) or lesson.quick, "a claim of this lesson did not hold"
