# %% [markdown]
# # 1. Convolutional networks
#
# A picture is a table of numbers, one vector per pixel. A convolutional network turns it into one vector, and that vector
# into a class. What makes the first step special is that it does *the same thing everywhere*: move the picture, and
# everything the network sees moves along. This lesson builds such a network from nothing but NumPy, shows that the pieces are
# the library's, trains it on real handwritten digits, and tests the claim about moving pictures to the last bit.
#
# The equations are in the [note](../notes/ch01_introduction.md); (1.5) means the fifth there. Run with `minicnn lesson 1`,
# look at `minicnn lesson 1 --help`, and open this file: every step is in it.

# %%
import numpy as np

import minicnn as mc
from minicnn import models, nn, optim, train
from minicnn.inspect import plots
from minicnn.nn import functional as F
from minicnn.teaching import Lesson

lesson = Lesson(1, sets=("digits", "mnist"))

# %% [markdown]
# ## Images are tensors
#
# An image is $X \in \mathbb{R}^{C \times H \times W}$: $C = 1$ channel for grey, 3 for colour. Stored are whole numbers from
# 0 to 255; divided by 255 they lie between 0 and 1. A batch has one more axis in front: (N, C, H, W).

# %%
x_train, y_train = lesson.arrays(train=True)
x_test, y_test = lesson.arrays(train=False)
print(f"{len(x_train):,} images to train on, {len(x_test):,} to test on; each is {tuple(x_train.shape[1:])}, "
      f"from {x_train.min().item():g} to {x_train.max().item():g}")
lesson.save(plots.images(x_train[:24], titles=y_train[:24].tolist(), title="Digits and their labels"), "digits")

# %% [markdown]
# ## Convolution, by hand
#
# A **1x1 convolution** multiplies the vector at each pixel by one matrix (1.2). All pixels share it.

# %%
rng = lesson.rng
x = rng.normal(size=(2, 3, 6, 7))  # two images of three channels
w1 = rng.normal(size=(4, 3))  # four output channels
y = np.einsum("fc,nchw->nfhw", w1, x)
assert np.allclose(y, F.conv2d(mc.tensor(x), mc.tensor(w1[:, :, None, None])).numpy())
print("1x1 convolution: one matrix at every pixel, equal to the library's")

# %% [markdown]
# A **3x3 convolution** looks at nine pixels at a time (1.3): output pixel $(i, j)$ is a weighted sum over the 3x3 window
# around it. With stride $s$ the window moves $s$ pixels at a time. Written as loops it is easy to read, and slow:

# %%
w3 = rng.normal(size=(4, 3, 3, 3))


def conv_by_loops(x, w, stride=1, padding=1):
    """The definition, (1.3), one output pixel after the other."""
    n, c, h, width = x.shape
    f, _, kh, kw = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh, ow = (h + 2 * padding - kh) // stride + 1, (width + 2 * padding - kw) // stride + 1  # (1.4)
    y = np.zeros((n, f, oh, ow))
    for i in range(oh):
        for j in range(ow):
            window = x[:, :, stride * i : stride * i + kh, stride * j : stride * j + kw]
            y[:, :, i, j] = np.einsum("fcab,ncab->nf", w, window)
    return y


for stride in (1, 2):
    ours = conv_by_loops(x, w3, stride)
    theirs = F.conv2d(mc.tensor(x), mc.tensor(w3), stride=stride, padding=1).numpy()
    assert np.allclose(ours, theirs)
    print(f"3x3 convolution by loops, stride {stride}: {x.shape} to {ours.shape}, equal to the library's")

# %% [markdown]
# ## im2col: convolution is one matrix product
#
# Write the window around each output pixel as a *column*, and put the columns side by side. Then all sums at once are $Y = W
# \,\mathrm{col}(X)$, (1.7): a matrix product, which computers do very fast. Going back, the adjoint of "copy every window
# into a column" is "add every column back to where it came from", `col2im`, and with it all gradients of a convolution follow
# in three lines, (1.9).


# %%
def im2col(x, k, stride, padding):
    """(C k k, N oh ow): the windows as columns."""
    n, c, h, width = x.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh, ow = (h + 2 * padding - k) // stride + 1, (width + 2 * padding - k) // stride + 1
    cols = np.empty((c, k, k, n, oh, ow))
    for a in range(k):  # nine slices instead of a loop over all pixels
        for b in range(k):
            part = x[:, :, a : a + stride * (oh - 1) + 1 : stride, b : b + stride * (ow - 1) + 1 : stride]
            cols[:, a, b] = part.transpose(1, 0, 2, 3)
    return cols.reshape(c * k * k, n * oh * ow), (oh, ow)


def col2im(cols, shape, k, stride, padding):
    """The adjoint: every entry of cols is added to the pixel it was read from. += because windows overlap."""
    n, c, h, width = shape
    oh, ow = (h + 2 * padding - k) // stride + 1, (width + 2 * padding - k) // stride + 1
    cols = cols.reshape(c, k, k, n, oh, ow)
    x = np.zeros((n, c, h + 2 * padding, width + 2 * padding))
    for a in range(k):
        for b in range(k):
            x[:, :, a : a + stride * (oh - 1) + 1 : stride, b : b + stride * (ow - 1) + 1 : stride] += \
                cols[:, a, b].transpose(1, 0, 2, 3)
    return x[:, :, padding : padding + h, padding : padding + width]


stride, f = 2, len(w3)
cols, (oh, ow) = im2col(x, 3, stride, 1)
y = (w3.reshape(f, -1) @ cols).reshape(f, 2, oh, ow).transpose(1, 0, 2, 3)

dy = rng.normal(size=y.shape)  # what the loss would say about y
dy_rows = dy.transpose(1, 0, 2, 3).reshape(f, -1)
dw = (dy_rows @ cols.T).reshape(w3.shape)
dx = col2im(w3.reshape(f, -1).T @ dy_rows, x.shape, 3, stride, 1)

tx, tw = mc.tensor(x, requires_grad=True), mc.tensor(w3, requires_grad=True)
ty = F.conv2d(tx, tw, stride=stride, padding=1)
ty.backward(mc.tensor(dy))
worst = max(abs(y - ty.detach().numpy()).max(), abs(dw - tw.grad.numpy()).max(), abs(dx - tx.grad.numpy()).max())
print(f"im2col convolution and both its gradients against the library's: largest difference {worst:.1e}")
assert worst < 1e-12

# %% [markdown]
# ## The rest of the network
#
# **Pooling** keeps the largest (or the average) value of each window, per channel, and learns nothing (1.10). **Global
# average pooling** averages each channel over the whole picture: the image becomes a vector (1.12). A **head** of two layers,
# $\mathrm{softmax}(W\,\mathrm{ReLU}(V x + a) + b)$, makes class probabilities of it (1.13).

# %%
on_mnist = lesson.data == "mnist"
model = models.small_cnn(width=24 if on_mnist else 16).to(lesson.device)
print(mc.inspect.summary(model, tuple(x_train.shape[1:])))

# %% [markdown]
# How much does sharing weights save? A 3x3 convolution from $C$ to $C'$ channels has $9CC'$ weights whatever the size of the
# picture; a dense map between the same tables of numbers has $HWC \cdot HWC'$ (1.6).

# %%
for side in (8, 28, 224):
    dense = (side * side) ** 2 * 16 * 32
    print(f"{side:>3} x {side:<3} from 16 to 32 channels: convolution {9 * 16 * 32:,} weights, dense {dense:,}")

# %% [markdown]
# ## Train it
#
# Stochastic gradient descent with momentum on the cross-entropy, whose gradient is simply $p - y$ (1.14). Beside the CNN we
# train a plain network (MLP) with about as many weights: it sees the picture as one long vector.

# %%
size = x_train[0].numel()
mlp = nn.Sequential(nn.Flatten(), nn.Linear(size, 220), nn.ReLU(), nn.Linear(220, 60), nn.ReLU(), nn.Linear(60, 10))
mlp.to(lesson.device)
epochs = lesson.pick(3 if on_mnist else 30, 1 if on_mnist else 4)
histories = {}
for name, net in (("CNN", model), ("MLP", mlp)):
    batches, test_batches = lesson.loaders(batch_size=32)
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=epochs * len(batches))
    print(f"\n{name}, {mc.inspect.count_parameters(net):,} weights, {epochs} epochs")
    histories[name] = train.fit(net, batches, optimizer, epochs=epochs, scheduler=schedule, schedule_by="step",
                                validate=test_batches)
accuracy = {name: history.epochs[-1]["test_accuracy"] for name, history in histories.items()}
print(f"test accuracy: CNN {accuracy['CNN']:.2%}, MLP {accuracy['MLP']:.2%}")

lesson.save(plots.curves({name: h.series("loss") for name, h in histories.items()}, log=True, smooth=20,
                         title="Training loss, a running mean over 20 steps"), "loss")

# %% [markdown]
# ## Look inside
#
# The filters of the first layer have become detectors of edges and strokes: red weights want ink, blue weights want none. A
# feature map shows where one of them found what it looks for.

# %%
lesson.save(plots.filters(model[0].weight, title="The filters of the first layer: red +, blue -"), "filters")
with mc.no_grad():
    maps = model[1](model[0](x_test[:1]))[0]
lesson.save(plots.feature_maps(x_test[0], maps, columns=9,
                                title="A test digit and its feature maps after ReLU"), "feature_maps")

# %% [markdown]
# ## Shift the picture
#
# Convolution commutes with shifts, (1.5): shift then convolve, or convolve then shift, it is the same. With circular padding
# (what leaves on the right comes back on the left) that is true for every pixel; with zeros around the picture it is true
# away from the border. For a dense layer it is not true at all. Below, $f$ is the first layer of each trained network,
# computed in double precision, and every number is the largest entry of $f(\text{shift } x) - \text{shift } f(x)$ over test
# images.


# %%
def shift(images):
    """One pixel down and one to the right; what leaves comes back on the other side."""
    return mc.roll(images, (1, 1), dims=(2, 3))


sample = x_test[: lesson.pick(200, 50)].double()
weight, bias, dense_weight = model[0].weight.double(), model[0].bias.double(), mlp[1].weight.double()
side = sample.shape[-1]


def conv(images, padding):
    """The CNN's first layer with a border of zeros, or with the picture wrapped around itself."""
    return F.relu(F.conv2d(F.pad(images, (1, 1, 1, 1), mode=padding), weight, bias))


def dense(images):
    """Units of the MLP's first layer, read as maps of the size of the picture."""
    units = F.relu(F.linear(images.flatten(1), dense_weight))
    return units[:, : 3 * side * side].reshape(len(images), 3, side, side)


layers = {"circular": lambda images: conv(images, "circular"), "zeros": lambda images: conv(images, "constant")}
if not on_mnist:  # three pictures of 28 x 28 would need more units than the MLP has
    layers["MLP"] = dense
with mc.no_grad():
    gaps = {name: f(shift(sample)) - shift(f(sample)) for name, f in layers.items()}
    gaps["zeros, inside"] = gaps["zeros"][:, :, 2:-1, 2:-1]
    sizes = {name: abs(gap).max().item() for name, gap in gaps.items()}
    before, after = (F.adaptive_avg_pool2d(conv(images, "circular"), 1) for images in (sample, shift(sample)))
    invariance = abs(before - after).max().item()
for name, value in sizes.items():
    print(f"largest |f(shift x) - shift f(x)|, {name}: {value:.2g}")
print(f"largest change of the globally averaged maps, circular: {invariance:.2g}")

# %% [markdown]
# The picture says the same: where the difference is white, shifting and layer commute.

# %%
shown, titles = [], []
for name, gap in gaps.items():
    if name != "zeros, inside":
        shown.append(gap[0, :3].numpy() / max(abs(gap[0, :3]).max().item(), 1e-3))
        titles += [f"{name}, map {k}" for k in range(3)]
figure = plots.images(np.concatenate(shown), titles, columns=3, size=1.5, symmetric=True,
                      title="f(shift x) - shift f(x): white is zero")
lesson.save(figure, "shift")

# %% [markdown]
# Does that help to recognise digits? Both networks were trained on centred digits only. Now they are shown the same test
# digits, moved by a pixel or two. The MLP has to learn anew what a 3 looks like one pixel further right; the CNN has not.

# %%
moved = {}
steps = range(-2, 3) if not on_mnist else range(-6, 7, 2)
for name, net in (("CNN", model), ("MLP", mlp)):
    net.eval()
    with mc.no_grad():
        moved[name] = [(net(mc.roll(x_test, (d,), dims=(3,))).argmax(dim=1) == y_test).float().mean().item() for d in steps]
    print(name, "  ".join(f"{d:+d}: {a:.1%}" for d, a in zip(steps, moved[name])))
figure = plots.curves({name: (list(steps), values) for name, values in moved.items()}, xlabel="pixels to the right",
                      ylabel="test accuracy", title="Digits moved sideways, trained on centred ones")
lesson.save(figure, "moved")

# %% [markdown]
# ## What was claimed, what was found

# %%
goal = 0.988 if on_mnist else 0.97
loss_of_cnn, loss_of_mlp = (moved[name][len(steps) // 2] - np.mean([moved[name][1], moved[name][-2]]) for name in ("CNN", "MLP"))
lesson.claim("a small CNN reads digits", f"at least {goal:.1%}", f"{accuracy['CNN']:.2%}", accuracy["CNN"] >= goal)
lesson.claim("convolution commutes with shifts, circular padding", "to rounding", f"{sizes['circular']:.1g}",
             sizes["circular"] < 1e-12)
lesson.claim("with zero padding, away from the border", "to rounding", f"{sizes['zeros, inside']:.1g}",
             sizes["zeros, inside"] < 1e-12)
if not on_mnist:
    lesson.claim("a dense layer does not", "no", f"{sizes['MLP']:.2g}", sizes["MLP"] > 0.1)
lesson.claim("global average pooling: no change under shifts", "to rounding", f"{invariance:.1g}", invariance < 1e-12)
lesson.claim("shifted digits cost the CNN less than the MLP", "less", f"{loss_of_cnn:.1%} against {loss_of_mlp:.1%}",
             loss_of_cnn < loss_of_mlp)
held = lesson.close()
assert held or lesson.quick, "a claim of this lesson did not hold"
