"""Chapter 7: the library's own answers, and typical wrong ones with the idea that each misses."""

import minicnn as mc
from minicnn import inspect, nn
from minicnn.models.googlenet import Inception
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong


def library_module(x, *weights):
    """The library's module with these weights and no biases; its six weights."""
    w1, v3, w3, v5, w5, wp = weights
    with nn.init.no_init():
        module = Inception(x.shape[1], len(w1), len(v3), len(w3), len(v5), len(w5), len(wp), kernel=5, bn=False).double()
    kernels = [p for p in module.parameters() if p.ndim == 4]
    for p in module.parameters():
        nn.init.zeros_(p)
    for p, w in zip(kernels, weights):
        p.data[...] = w
    return module, kernels


def inception_forward(x, w1, v3, w3, v5, w5, wp):
    """(7.1)."""
    with mc.no_grad():
        return library_module(x, w1, v3, w3, v5, w5, wp)[0](mc.tensor(x)).numpy()


def inception_backward(dy, x, w1, v3, w3, v5, w5, wp):
    """(7.5), by the engine."""
    module, kernels = library_module(x, w1, v3, w3, v5, w5, wp)
    tx = mc.tensor(x, requires_grad=True)
    return tuple(g.numpy() for g in mc.grad((module(tx) * mc.tensor(dy)).sum(), [tx, *kernels]))


def module_cost(channels, n1, r3, n3, r5, n5, pool, height, width):
    """(7.7), counted on the library's module."""
    with nn.init.no_init():
        module = Inception(channels, n1, r3, n3, r5, n5, pool, kernel=5, bn=False)
    seen = inspect.summary(module, (channels, height, width))
    return seen.parameters, seen.macs


# ------------------------------------------------------------------------------------------------- forward with faults


def relu(x, on):
    """ReLU, if it is on."""
    return F.relu(x) if on else x


def same(x):
    """x."""
    return x


def cropped(w, k):
    """The middle k x k of a kernel."""
    cut = (w.shape[2] - k) // 2
    return w[:, :, cut : w.shape[2] - cut, cut : w.shape[3] - cut]


def pooled(x, kind="max"):
    """The pooling of the fourth branch, or one of the wrong ones."""
    if kind == "average":
        return F.avg_pool2d(x, 3, stride=1, padding=1)
    if kind == "zeros":
        return F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, stride=1)
    return F.max_pool2d(x, 3, stride=1, padding=1) if kind == "max" else x


def forward(x, w1, v3, w3, v5, w5, wp, *, inner=True, outer=True, kernel5=5, shift=0, pool="max", project_first=False, order=(0, 1, 2, 3),
            axis=1, add=False, drop=(), reduced=True, swap=False, branch_input=same):
    """(7.1) on tensors, with faults to choose."""
    if swap:
        v3, v5 = v5, v3
    h3, h5 = (relu(F.conv2d(x, v), inner) if reduced else x[:, : len(v)] for v in (v3, v5))
    w5 = cropped(w5, kernel5)
    far = F.conv2d(h5, w5, padding=kernel5 // 2 - shift)
    far = F.pad(far, (shift,) * 4) if shift else far
    last = pooled(F.conv2d(x, wp), pool) if project_first else F.conv2d(pooled(x, pool), wp)
    parts = [F.conv2d(x, w1), F.conv2d(h3, w3, padding=1), far, last]
    parts = [relu(parts[i], outer) for i in order if i not in drop]
    return sum(parts) if add else mc.cat(parts, axis)


def forward_with(**fault):
    """inception_forward with one fault, on arrays."""
    def answer(x, w1, v3, w3, v5, w5, wp):
        return forward(*map(mc.tensor, (x, w1, v3, w3, v5, w5, wp)), **fault).numpy()
    return answer


WRONG_FORWARD = [
    ("The branches are joined along the channels, not added up", forward_with(add=True)),
    ("The third branch has the whole 5x5 kernel; this used its middle 3x3 (as torchvision's network has it)", forward_with(kernel5=3)),
    ("A 5x5 kernel needs padding 2 to keep the size; this used padding 1 and filled the border with zeros afterwards", forward_with(shift=1)),
    ("A 5x5 kernel needs padding 2 to keep the size; this used none and filled the border with zeros afterwards", forward_with(shift=2)),
    ("The branches are joined along the channels, axis 1, not along the batch", forward_with(axis=0)),
    ("The branches are joined along the channels, axis 1, not one below the other along the height", forward_with(axis=2)),
    ("The branches are joined along the channels, axis 1, not side by side along the width", forward_with(axis=3)),
    ("A ReLU follows each reduction too; without it reduction and kernel are one linear map of low rank, see (7.8)", forward_with(inner=False)),
    ("A ReLU follows the last convolution of each branch", forward_with(outer=False)),
    ("No ReLU is there: each of the six convolutions has one", forward_with(inner=False, outer=False)),
    ("The fourth branch takes the maximum of each window, not the average", forward_with(pool="average")),
    ("The padding of the pooling is -inf: with zeros, negative inputs at the border lose to the padding", forward_with(pool="zeros")),
    ("The pooling of the fourth branch is missing", forward_with(pool="none")),
    ("The fourth branch pools first and projects then", forward_with(project_first=True)),
    ("The order of the branches is 1x1, 3x3, 5x5, pooling; here the pooling comes first", forward_with(order=(3, 0, 1, 2))),
    ("The order of the branches is 1x1, 3x3, 5x5, pooling; here it is turned round", forward_with(order=(3, 2, 1, 0))),
    ("The order of the branches is 1x1, 3x3, 5x5, pooling; here 5x5 and 3x3 are exchanged", forward_with(order=(0, 2, 1, 3))),
    ("The pooling branch is missing", forward_with(drop=(3,))),
    ("The reductions v3 and v5 are not used; a reduction mixes all channels, it does not pick the first ones", forward_with(reduced=False)),
    ("The reductions v3 and v5 are exchanged", forward_with(swap=True)),
]


# ------------------------------------------------------------------------------------------------ backward with faults


def conv_backward(dy, x, w, padding=0):
    """dx, dw of a convolution."""
    tx, tw = mc.tensor(x, requires_grad=True), mc.tensor(w, requires_grad=True)
    F.conv2d(tx, tw, padding=padding).backward(mc.tensor(dy))
    return tx.grad.numpy(), tw.grad.numpy()


def conv(x, w, padding=0):
    """A convolution of arrays."""
    return F.conv2d(mc.tensor(x), mc.tensor(w), padding=padding).numpy()


def pool_backward(dy, x, kind="max"):
    """dx of a pooling."""
    tx = mc.tensor(x, requires_grad=True)
    pooled(tx, kind).backward(mc.tensor(dy))
    return tx.grad.numpy()


def positive(x):
    """ReLU of an array."""
    return x * (x > 0)


def backward(dy, x, w1, v3, w3, v5, w5, wp, *, inner=True, outer=True, of_dy=False, order=(0, 1, 2, 3), all_first=False, drop=(), mean=False,
             pool="max", unpooled=False, over_batch=False, raw_hidden=False, flipped_mask=False):
    """(7.5) with faults to choose."""
    before = [conv(x, w1), conv(positive(conv(x, v3)), w3, 1), conv(positive(conv(x, v5)), w5, 2)]
    before.append(conv(pooled(mc.tensor(x)).numpy(), wp))
    widths = [len(w) for w in (w1, w3, w5, wp)]
    starts, offset = [0] * 4, 0
    for i in order:
        starts[i], offset = offset, 0 if all_first else offset + widths[i]
    deltas = []
    for i in range(4):
        piece = dy[:, starts[i] : starts[i] + len((w1, w3, w5, wp)[i])]
        mask = (piece if of_dy else -before[i] if flipped_mask else before[i]) > 0
        deltas.append(piece * mask if outer else piece)
    terms, (terms_0, dw1) = [], conv_backward(deltas[0], x, w1)
    terms.append(terms_0)
    grads = []
    for delta, v, w, padding in ((deltas[1], v3, w3, 1), (deltas[2], v5, w5, 2)):
        h = conv(x, v)
        down, dw = conv_backward(delta, h if raw_hidden else positive(h), w, padding)
        dx, dv = conv_backward(down * (h > 0) if inner else down, x, v)
        terms.append(dx)
        grads += [dv, dw]
    down, dwp = conv_backward(deltas[3], pooled(mc.tensor(x)).numpy(), wp)
    if unpooled:
        dwp = conv_backward(deltas[3], x, wp)[1]
    terms.append(down if pool == "none" else pool_backward(down, x, pool))
    dx = sum(t for i, t in enumerate(terms) if i not in drop)
    results = [dx / 4 if mean else dx, dw1, *grads, dwp]
    return tuple(results if not over_batch else [results[0], *(g / len(x) for g in results[1:])])


def backward_with(**fault):
    """inception_backward with one fault."""
    return lambda *args: backward(*args, **fault)


WRONG_BACKWARD = [
    ("x is used four times, so four gradients add up; that of the pooling branch is missing in dx", backward_with(drop=(3,))),
    ("x is used four times, so four gradients add up; that of the 1x1 branch is missing in dx", backward_with(drop=(0,))),
    ("x is used four times, so four gradients add up; that of the 3x3 branch is missing in dx", backward_with(drop=(1,))),
    ("x is used four times, so four gradients add up; that of the 5x5 branch is missing in dx", backward_with(drop=(2,))),
    ("x is used four times, so four gradients add up; here only that of the last branch is in dx", backward_with(drop=(0, 1, 2))),
    ("The four gradients of x add up; this is their mean", backward_with(mean=True)),
    ("Slice dy in the order of the branches, 1x1, 3x3, 5x5, pooling; here it was cut from the other end", backward_with(order=(3, 2, 1, 0))),
    ("Slice dy in the order of the branches; here the slices of 3x3 and 5x5 are exchanged", backward_with(order=(0, 2, 1, 3))),
    ("Slice dy at the offsets 0, n1, n1 + n3, n1 + n3 + n5, (7.3); here every branch was given the first channels",
     backward_with(all_first=True)),
    ("The ReLU at the end of each branch is missing: delta = dy [y > 0]", backward_with(outer=False)),
    ("The ReLU after the reductions is missing: what goes into v3 and v5 is multiplied by [h > 0]", backward_with(inner=False)),
    ("Both ReLUs are missing: multiply by [y > 0] at the end of a branch and by [h > 0] after a reduction",
     backward_with(inner=False, outer=False)),
    ("The mask of ReLU is where its output is positive, not where dy is", backward_with(of_dy=True)),
    ("The mask of ReLU is where its input is positive, not where it is negative", backward_with(flipped_mask=True)),
    ("Max pooling sends the gradient to the largest entry of each window; it does not spread it as an average does",
     backward_with(pool="average")),
    ("The gradient of the fourth branch must go back through the pooling, to the places of the maxima", backward_with(pool="none")),
    ("dwp belongs to the pooled x, which is what that convolution read, not to x", backward_with(unpooled=True)),
    ("dw3 and dw5 belong to h = ReLU(v * x), which is what those kernels read, not to v * x", backward_with(raw_hidden=True)),
    ("The gradients of the weights are sums over the batch, not means", backward_with(over_batch=True)),
]


# ------------------------------------------------------------------------------------------------------ costs with faults


def cost_with(five=25, pool_in=True, biases=True, work_of_biases=False, reductions=True, naive=False, side_only=False, twice=False, k=(9, 25),
              pooling=0, hidden_biases=True):
    """module_cost with one fault."""
    def answer(channels, n1, r3, n3, r5, n5, pool, height, width):
        p = n1 + (r3 + r5 if reductions else 0) + (pool if pool_in else 0)
        weights = channels * p + k[0] * r3 * n3 + (five if k[1] == 25 else k[1]) * r5 * n5
        if naive:
            weights = channels * (n1 + 9 * n3 + 25 * n5 + pool)
        count = n1 + n3 + n5 + pool + (r3 + r5 if hidden_biases else 0)
        parameters = weights + (count if biases else 0)
        work = weights + (count if work_of_biases else 0) + pooling * channels
        return parameters, work * (height if side_only else height * width) * (2 if twice else 1)
    return answer


WRONG_COST = [
    ("The third branch has 5x5 kernels: 25 r5 n5 weights, not 9 r5 n5", cost_with(five=9)),
    ("The third branch has 5x5 kernels: 25 r5 n5 weights, not 5 r5 n5, and the second has 9 r3 n3", cost_with(k=(3, 5))),
    ("The projection behind the pooling reads all channels of the input: C n_p weights are missing", cost_with(pool_in=False)),
    ("The reductions have weights too: C r3 + C r5", cost_with(reductions=False)),
    ("3x3 and 5x5 read the reduced channels r3 and r5, not all C: this is the module without reductions", cost_with(naive=True)),
    ("Each of the six convolutions has a bias for each of its kernels; they are missing in the parameters", cost_with(biases=False)),
    ("The reductions have biases too: r3 + r5", cost_with(hidden_biases=False)),
    ("A bias is added, not multiplied: it costs no multiply-add", cost_with(work_of_biases=True)),
    ("Each weight is used at every pixel: height times width, not height", cost_with(side_only=True)),
    ("One product with its addition is one multiply-add; this counted two", cost_with(twice=True)),
    ("Pooling compares and multiplies nothing: it costs no multiply-add", cost_with(pooling=9)),
]

WRONG = [*(Wrong("inception_forward", idea + (", see (7.1)" if "(7." not in idea else ""), answer) for idea, answer in WRONG_FORWARD),
         *(Wrong("inception_backward", idea + (", see (7.5)" if "(7." not in idea else ""), answer) for idea, answer in WRONG_BACKWARD),
         *(Wrong("module_cost", idea + ", see (7.7)", answer) for idea, answer in WRONG_COST)]
