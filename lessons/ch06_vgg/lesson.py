# %% [markdown]
# # 6. VGG
#
# Before 2014 the first layers of a good network had kernels of 11x11, 7x7 and 5x5 pixels. Simonyan and Zisserman used 3x3 and
# nothing else, and put up to sixteen of them on top of each other. Two see as far as one 5x5, three as far as one 7x7, with half
# of its weights and two more ReLUs. This lesson measures how far a unit *can* see and what it really *looks at* (which is less),
# lets one 7x7 race three 3x3, counts the six columns of the paper's table, and changes the colour of the light.
#
# The equations are in the [note](../notes/ch06_vgg.md). Run with `minicnn lesson 6`.

# %%
import numpy as np

import minicnn as mc
from minicnn import data, inspect, models, nn, optim, train
from minicnn.backend import Generator
from minicnn.data import transforms
from minicnn.data.random import use_generator
from minicnn.inspect import plots
from minicnn.nn import functional as F
from minicnn.teaching import Lesson

lesson = Lesson(6, sets=("glyphs", "mnist"))


def smaller(images):
    """28 x 28 pixels averaged to 14 x 14, for speed."""
    return F.avg_pool2d(images, 2)


x_train, y_train = lesson.arrays(train=True, limit=lesson.pick(3200, 320))
x_test, y_test = lesson.arrays(train=False, limit=lesson.pick(1000, 200))
x_train, x_test = smaller(x_train), smaller(x_test)


def trained(name, build, epochs, repeats=1, progress=False):
    """Train with Adam, the rate falling to 0; returns the means of (training loss of the last epoch, test loss, test accuracy)."""
    results = []
    for repeat in range(repeats):
        mc.manual_seed(100 * lesson.seed + repeat)
        net = he(build()).to(lesson.device)
        batches = data.DataLoader(data.TensorDataset(x_train, y_train), 32, shuffle=True, generator=Generator(lesson.seed))
        tests = data.DataLoader(data.TensorDataset(x_test, y_test), 500)
        optimizer = optim.Adam(net.parameters(), lr=2e-3)
        schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(batches))
        history = train.fit(net, batches, optimizer, epochs=epochs, scheduler=schedule, schedule_by="step", progress=progress)
        results.append((history.series("train_loss")[-1], *train.evaluate(net, tests)))
    train_loss, test_loss, accuracy = np.mean(results, axis=0)
    print(f"{name:<26} {inspect.count_parameters(net):>7,} weights: training loss {train_loss:.3f}, test loss {test_loss:.3f}, "
          f"test accuracy {accuracy:.1%}")
    return train_loss, test_loss, accuracy


def he(net):
    """He's start (chapter 9) for every convolution."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return net


# %% [markdown]
# ## The question
#
# Digits in 16 type faces to learn from, 5 others to be tested on. All networks begin with one 3x3 layer of 16 channels and end
# with a pooling and a linear layer; between them stands one 7x7 layer, or three 3x3, which see the same 7x7 pixels, or three 3x3
# without ReLUs between them, or just one 3x3.


# %%
def body(kernel, count, relus=True, channels=16):
    """`count` convolutions; the last ends with a ReLU, the others only if `relus`."""
    layers = []
    for i in range(count):
        layers.append(nn.Conv2d(channels, channels, kernel, padding=kernel // 2))
        if relus or i == count - 1:
            layers.append(nn.ReLU())
    return layers


def contestant(*options):
    """One 3x3 layer, the body, pooling, a linear layer."""
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), *body(*options), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(16 * 49, 10))


bodies = {"one 7x7": (7, 1), "three 3x3": (3, 3), "three 3x3, no ReLU between": (3, 3, False), "one 3x3": (3, 1)}
race, weights = {}, {}
for name, options in bodies.items():
    weights[name] = sum(m.weight.numel() for m in body(*options) if isinstance(m, nn.Conv2d))
    race[name] = trained(name, lambda options=options: contestant(*options), lesson.pick(4, 1), lesson.pick(2, 1))
for name, count in weights.items():
    print(f"{name:<26} {count:>6,} weights in the body = {count // 256} C^2")

# %% [markdown]
# With little more than half of the weights, three small layers fit better than the large one (means of two runs). The paper gives
# two reasons: two more ReLUs, and fewer weights. Here it is not the ReLUs: take them out, and three layers in a row can only do
# *less* than one 7x7, because their product is a 7x7 kernel, (6.3), but they learn it faster. The larger the problem, the more a
# network has to do than ten digits ask of it, and the more the ReLUs will count.
#
# ## How far does a unit see?
#
# Each layer adds $d(k-1)$ pixels, magnified by the strides below it, (6.1). In the open, and beside it a measurement: all
# weights positive, average for max pooling, and a gradient from one unit in the middle down to the image. The box around
# all pixels that receive any is the field.


# %%
def receptive_field(layers):
    """(6.1): the field of each layer in turn."""
    r, jump, fields = 1, 1, []
    for k, s, d in layers:
        r, jump = r + d * (k - 1) * jump, jump * s
        fields.append(r)
    return fields


def measured_field(chain, size):
    """The side of the box around all pixels with a gradient."""
    image = mc.tensor(np.ones((1, 1, size, size)), requires_grad=True)
    y = chain(image)
    y[:, :, y.shape[2] // 2, y.shape[3] // 2].sum().backward()
    rows = np.flatnonzero(image.grad.numpy()[0, 0].any(axis=1))
    return int(rows[-1] - rows[0] + 1)


def positive(chain):
    """All weights between 0.1 and 0.3."""
    for module in chain.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.weight, 0.1, 0.3)
    return chain.double()


seen = {n: measured_field(positive(nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1) for _ in range(n)])), 24) for n in (1, 2, 3)}
print("3x3 layers and the side of what they see:", seen)
columns = {"A": "vgg11", "A-LRN": "vgg11_lrn", "B": "vgg13", "C": "vgg16_c", "D": "vgg16", "E": "vgg19"}
fields = {}
for column, name in columns.items():
    with nn.init.no_init():
        chain = models.get_model(name, width=1, hidden=1).features
    fields[column] = receptive_field(inspect.windows(chain))
    assert fields[column][-1] == inspect.receptive_field(chain)
with nn.init.no_init():
    d = models.vgg16(width=1, in_channels=1, hidden=1, pooling=nn.AvgPool2d).features
whole = measured_field(positive(d), 288)
print(f"VGG-16 up to its last pooling: {fields['D'][-1]} by (6.1), measured {whole}; its last convolution {fields['D'][-2]}")
figure = plots.curves({f"column {c}": (np.arange(1, len(fields[c]) + 1), fields[c]) for c in ("A", "B", "D", "E")},
                      xlabel="layer, poolings included", ylabel="pixels seen in a row", title="What one unit can see (6.1)")
figure.axes[0].axhline(224, color="gray", linestyle=":", linewidth=1)
figure.axes[0].text(1, 227, "the image", color="gray", fontsize=8)
figure.axes[0].set_xticks(range(0, 22, 3))
lesson.save(figure, "fields")

# %% [markdown]
# ## Two 3x3 are one 5x5, without a ReLU
#
# The kernel of the product is the convolution of the kernels, (6.3). And with four times the channels in the middle, *every*
# 5x5 is two 3x3, even with a ReLU between, (6.4).

# %%
rng = lesson.rng
image = abs(rng.normal(size=(1, 3, 12, 12)))
w1, w2 = rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(2, 4, 3, 3))
product = np.zeros((2, 3, 5, 5))
for i, j in np.ndindex(3, 3):
    product[:, :, i : i + 3, j : j + 3] += np.einsum("fm,mcab->fcab", w2[:, :, i, j], w1)


def conv(x, w):
    """Without padding."""
    return F.conv2d(mc.tensor(x), mc.tensor(w)).numpy()


same = abs(conv(conv(image, w1), w2) - conv(image, product)).max()
any_kernel = rng.normal(size=(2, 3, 5, 5))
copies, readers = np.zeros((12, 3, 3, 3)), np.zeros((2, 12, 3, 3))
for place, corner in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):  # the picture, shifted by one pixel towards each corner
    for c in range(3):
        copies[3 * place + c, c, *corner] = 1
    for v in np.ndindex(5, 5):
        if all((n >= 2) == (q == 2) for n, q in zip(v, corner)):
            readers[:, 3 * place : 3 * place + 3, v[0] - corner[0], v[1] - corner[1]] = any_kernel[:, :, *v]
made = abs(conv(np.maximum(conv(image, copies), 0), readers) - conv(image, any_kernel)).max()
print(f"two 3x3 against one 5x5: largest difference {same:.1e}; any 5x5 as two 3x3 with a ReLU between: {made:.1e}")

# %% [markdown]
# ## What a unit looks at
#
# Being able to see is not looking. The gradient from one unit down through $n$ layers of 3x3 is spread like a random walk of $n$
# steps, (6.5): a bell of width $\sqrt{2n/3}$ within a field of half-width $n$. Three kinds of stacks: equal weights, random
# ones, and random ones with ReLUs between.


# %%
def gradient_profile(n, kind, channels=16, draws=1):
    """The mean over draws of g (equal weights) or g^2 (random ones), summed over channels, normalised to a sum of 1."""
    side, total = 4 * n + 1, 0.0  # so large that no unit on the way to the middle is made of padding
    for _ in range(draws):
        c = 1 if kind == "equal" else channels
        image = mc.tensor(rng.normal(size=(1, c, side, side)).astype(np.float32), requires_grad=True)
        y = image
        for _ in range(n):
            w = np.full((c, c, 3, 3), 1 / 9) if kind == "equal" else rng.normal(size=(c, c, 3, 3)) * (2 / (9 * c)) ** 0.5
            y = F.conv2d(y, mc.tensor(w.astype(np.float32)))
            y = F.relu(y) if kind == "random, ReLU" else y
        middle = y.shape[2] // 2
        y[:, :, middle, middle].backward(mc.tensor(rng.normal(size=(1, c)).astype(np.float32)))
        g = image.grad.numpy()[0, :, n:-n, n:-n].astype(float)
        total = total + (g.sum(axis=0) if kind == "equal" else (g**2).sum(axis=0) / (g**2).sum())
    return total / total.sum()


def spread(profile):
    """The standard deviation along the rows."""
    u = np.arange(len(profile)) - len(profile) // 2
    return np.sqrt((profile.sum(axis=1) * u**2).sum())


depths, kinds = lesson.pick((2, 5, 10, 20, 30), (2, 5)), ("equal", "random", "random, ReLU")
profiles = {(kind, n): gradient_profile(n, kind, draws=1 if kind == "equal" else max(2, 40 // n)) for kind in kinds for n in depths}
for kind in kinds:
    print(f"{kind:<13} spread over sqrt(2n/3): " + ", ".join(
        f"n={n}: {spread(profiles[kind, n]) / np.sqrt(2 * n / 3):.2f}" for n in depths))
deep = depths[-1]
figure, axes = plots.new_figure(1, 5, width=3.1, height=3.0)
for ax, kind in zip(axes, kinds):
    ax.imshow(profiles[kind, deep], cmap="magma", extent=(-deep - 0.5, deep + 0.5) * 2)
    ax.set(title=f"{kind}, n = {deep}", xlabel="distance in pixels")
u = np.arange(-deep, deep + 1)
walk = np.ones(1)
for _ in range(deep):
    walk = np.convolve(walk, np.full(3, 1 / 3))
for kind in kinds:
    axes[3].plot(u, profiles[kind, deep].sum(axis=1), label=kind)
axes[3].plot(u, walk, "k--", linewidth=1, label="walk (6.5)")
axes[3].axhline(1 / (2 * deep + 1), color="gray", linestyle=":", linewidth=1, label="flat")
axes[3].set(title="the same, in one line", xlabel="distance in pixels")
axes[3].legend(frameon=False, fontsize=7)
for kind in kinds:
    axes[4].loglog(depths, [spread(profiles[kind, n]) for n in depths], "o", fillstyle="none", label=kind)
axes[4].loglog(depths, np.sqrt(2 * np.array(depths) / 3), "k--", linewidth=1, label="sqrt(2n/3)")
axes[4].loglog(depths, depths, color="gray", linestyle=":", label="half of the field, n")
axes[4].set(title="spread against depth", xlabel="layers n", ylabel="pixels", xticks=depths, xticklabels=depths)
axes[4].minorticks_off()
axes[4].legend(frameon=False, fontsize=7)
lesson.save(figure, "looks-at")
inside = {}
for kind in kinds:
    middle = abs(u) <= deep / 2
    inside[kind] = profiles[kind, deep][np.ix_(middle, middle)].sum()
print(f"in the middle {np.mean(middle) ** 2:.0%} of the field's area lies " + ", ".join(f"{v:.1%} ({k})" for k, v in inside.items()))

# %% [markdown]
# ## The columns, in the open
#
# A column is a list of numbers. Here are eight lines that build its convolutions, with the library's weights in them, against the
# library's own.


# %%
def column(counts, width, in_channels=1, last_1x1=False, lrn=False):
    """Stages of 3x3 convolutions, each stage ended by a pooling; channels width * (1, 2, 4, 8, 8)."""
    layers, c = [], in_channels
    for i, count in enumerate(counts):
        for j in range(count):
            k = 1 if last_1x1 and i >= 2 and j == count - 1 else 3
            layers += [nn.Conv2d(c, width * min(2**i, 8), k, padding=k // 2), nn.ReLU()]
            layers += [nn.LocalResponseNorm(5, alpha=5e-4, k=2.0)] if lrn and i == j == 0 else []
            c = width * min(2**i, 8)
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


table = {"A": ((1, 1, 2, 2, 2), {}), "A-LRN": ((1, 1, 2, 2, 2), {"lrn": True}), "B": ((2, 2, 2, 2, 2), {}),
         "C": ((2, 2, 3, 3, 3), {"last_1x1": True}), "D": ((2, 2, 3, 3, 3), {}), "E": ((2, 2, 4, 4, 4), {})}
pictures = mc.tensor(rng.normal(size=(2, 3, 64, 64)).astype(np.float32))
for name, (counts, options) in table.items():
    library = models.get_model(columns[name], width=4, hidden=8).features
    ours = column(counts, 4, in_channels=3, **options)
    ours.load_state_dict(library.state_dict())
    with mc.no_grad():
        assert np.array_equal(ours(pictures).numpy(), library(pictures).numpy()), name
print("six columns in the open give what the library's give, to the last bit")

# %% [markdown]
# What do they cost? (6.7) and (6.8), from the table and nothing else. As printed in the lecture notes, column E has three
# convolutions in its last three stages: that is column D.


# %%
def cost(counts, last_1x1=False, lrn=False):
    """(parameters, multiply-adds at 224 x 224); local response normalization has neither."""
    parameters = macs = 0
    c, side = 3, 224
    for i, count in enumerate(counts):
        for j in range(count):
            out = 64 * min(2**i, 8)
            w = (1 if last_1x1 and i >= 2 and j == count - 1 else 9) * c * out
            parameters, macs, c = parameters + w + out, macs + w * side * side, out
        side //= 2
    for a, b in ((c * side * side, 4096), (4096, 4096), (4096, 1000)):
        parameters, macs = parameters + a * b + b, macs + a * b
    return parameters, macs


right = 0
for name, (counts, options) in table.items():
    info = models.model_info(columns[name])  # which the library's tests count on the model itself
    right += cost(counts, **options) == (info.parameters, info.macs)
    print(f"{name:<6} {sum(counts) + 3:>2} layers {info.parameters:>12,} parameters {info.macs:>15,} multiply-adds")
printed_e = cost((2, 2, 3, 3, 3))[0]
print(f"E as printed: {sum((2, 2, 3, 3, 3)) + 3} layers, {printed_e:,} parameters")

# %% [markdown]
# ## Is deeper better?
#
# The first three stages of each column, with 8 channels in place of 64, on the same digits. On ImageNet the paper found: A-LRN no
# better than A, B better than A, C better than B, D better than C, and E about as good as D. (On pixels from 0 to 1 the paper's
# normalization is hardly more than a factor of 0.59, see the note.)

# %%
results = {}
for name, (counts, options) in table.items():
    results[name] = trained(f"column {name}", lambda counts=counts, options=options: nn.Sequential(
        column(counts[:3], 8, **options), nn.Flatten(), nn.Linear(32, 10)), lesson.pick(4, 1), progress=True)
figure, ax = plots.new_figure(width=6, height=3.2)
place = np.arange(len(table))
ax.bar(place - 0.2, [r[0] for r in results.values()], 0.4, label="training loss, last epoch")
ax.bar(place + 0.2, [r[1] for r in results.values()], 0.4, label="test loss, unseen faces")
ax.set(xticks=place, xlabel="column of the table (its first three stages)", ylabel="loss",
       title="The columns of the table, on small pictures")
ax.set_xticklabels(results)
ax.legend(frameon=False)
lesson.save(figure, "columns")

# %% [markdown]
# ## The colour of the light
#
# The eigenvectors of the covariance of RGB are the directions in which pixels of a set of images differ most. Each image gets
# a random step along them, the same for all of its pixels, (6.11). Below: one picture under eight lights, with steps ten times as
# large as the paper's so that one sees them; then the law of the step, (6.12), measured.

# %%
shapes = data.Shapes(200, size=48).arrays()[0]
lighting = transforms.PCALighting.fit(shapes)
strong = transforms.PCALighting(1.0, lighting.eigval, lighting.eigvec)
with use_generator(Generator(lesson.seed)):
    lit = np.stack([strong(shapes[3]) for _ in range(7)])
figure = plots.images(np.concatenate([shapes[3:4], lit]), ["as it is", *["another light"] * 7], size=1.3,
                      title="PCA lighting, alpha with standard deviation 1 (the paper: 0.1)")
lesson.save(figure, "lighting")
draws = lesson.pick(8000, 2000)
tiny = shapes[3][:, :1, :1].astype(np.float64)
with use_generator(Generator(lesson.seed)):
    steps = np.array([(lighting(tiny) - tiny)[:, 0, 0] for _ in range(draws)])
sigma = np.cov(np.moveaxis(shapes, 1, 0).reshape(3, -1).astype(float))
predicted = 0.01 * sigma @ sigma
covariance_gap = abs(np.cov(steps.T) - predicted).max() / predicted.max()
larger = transforms.PCALighting.fit(255 * shapes.astype(np.float64))
scale = larger.eigval[0] / lighting.eigval[0]
print(f"covariance of {draws} steps against 0.01 Sigma^2: {covariance_gap:.1%} off")
print(f"pixels up to 255 in place of 1: steps {scale:,.0f} times as long")

# %% [markdown]
# ## Larger and smaller, here and there
#
# Scale jittering: the shorter side becomes $S$, drawn anew for each image and step, then a crop of fixed size is taken, (6.13).
# Small $S$ shows the whole object, large $S$ a part of it.

# %%
crop = 40
with use_generator(Generator(lesson.seed + 1)):
    sides = [40, 48, 56, 64, 72, 80]
    views = [transforms.Compose([transforms.Resize(s), transforms.RandomCrop(crop), transforms.RandomHorizontalFlip()])(shapes[3])
             for s in sides]
figure = plots.images(np.stack(views), [f"S = {s}: {(crop / s) ** 2:.0%}" for s in sides], size=1.4,
                      title=f"Crops of {crop} x {crop} from one picture at six scales, and the part that they show")
lesson.save(figure, "scales")

# %% [markdown]
# ## What was claimed, what was found
#
# Not insisted on: the test loss of the race, what the ReLUs contribute to it, and that E is no worse than D. B, D and E learn three
# thousand small pictures nearly equally well, and which is ahead depends on the seed; on a million photographs it did not.

# %%
insisted = []


def claim(what, printed, measured, held, insist=True):
    """A row of the table; the lesson fails at its end if one that it insists on did not hold."""
    lesson.claim(what, printed, measured, held)
    insisted.append(held or not insist)


seven, three, linear, one = (race[name] for name in bodies)
claim("two 3x3 see 5x5, three see 7x7", "5, 7", f"{seen[2]}, {seen[3]}", (seen[2], seen[3]) == (5, 7))
claim("weights of three 3x3 and of one 7x7", "27 and 49 C^2", f"{weights['three 3x3'] / 256:g} and {weights['one 7x7'] / 256:g}",
      (weights["three 3x3"], weights["one 7x7"]) == (27 * 256, 49 * 256))
claim("three 3x3 fit better than one 7x7", "yes", f"training loss {three[0]:.3f} and {seven[0]:.3f}", three[0] < seven[0])
claim("... and do better on unseen type faces", "yes", f"test loss {three[1]:.3f} and {seven[1]:.3f}", three[1] < seven[1],
      insist=False)
claim("... thanks to the ReLUs between", "yes", f"training loss without them {linear[0]:.3f}", three[0] < linear[0], insist=False)
claim("... even without them", "-", f"training loss {linear[0]:.3f} and {seven[0]:.3f}", linear[0] < seven[0])
claim("... and see more than one 3x3", "-", f"test loss of one {one[1]:.3f}", three[1] < one[1])
claim("the field of VGG-16 up to its last pooling", "212", f"{whole}", whole == fields["D"][-1] == 212)
claim("two 3x3 without ReLU are one 5x5, and any 5x5 is two 3x3", "equal", f"{max(same, made):.0e}", max(same, made) < 1e-11)
ratios = [spread(profiles[kind, n]) / np.sqrt(2 * n / 3) for kind in kinds for n in depths]
claim("the gradient spreads by sqrt(2n/3), not by n", "1", f"{min(ratios):.2f} to {max(ratios):.2f} of it",
      0.85 < min(ratios) and max(ratios) < 1.15)
claim("most of it lies in the middle quarter of the field", "bell", f"{min(inside.values()):.0%} of it", min(inside.values()) > 0.8)
claim("parameters and multiply-adds of the columns", "6 columns", f"{right} of 6", right == 6)
claim("column E as the lecture notes print it", "19 layers", f"16, and D's {printed_e:,}", printed_e == 143_667_240, insist=False)
claim("two layers a stage (B) fit better than one (A)", "yes", f"loss {results['B'][0]:.3f} and {results['A'][0]:.3f}",
      results["B"][0] < results["A"][0])
claim("local response normalization does not help", "no better", f"loss {results['A-LRN'][0]:.3f} and {results['A'][0]:.3f}",
      results["A-LRN"][0] > 0.95 * results["A"][0])
claim("3x3 (D) better than 1x1 (C) as third layer", "yes", f"loss {results['D'][0]:.3f} and {results['C'][0]:.3f}",
      results["D"][0] < results["C"][0])
claim("19 layers (E) no worse than 16 (D)", "yes", f"test loss {results['E'][1]:.3f} and {results['D'][1]:.3f}",
      results["E"][1] < 1.1 * results["D"][1], insist=False)
claim("lighting: the covariance of the step is 0.01 Sigma^2", "equal", f"{covariance_gap:.1%} off", covariance_gap < 0.1)
claim("... and the step depends on the scale of the pixels", "255^2", f"{scale:,.0f}", abs(scale / 255**2 - 1) < 1e-6)
lesson.close()
assert all(insisted) or lesson.quick, "a claim of this lesson did not hold"
