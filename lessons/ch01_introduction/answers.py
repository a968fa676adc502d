"""Chapter 1: the library's own answers, and typical wrong ones with the idea that each misses."""

import numpy as np

import minicnn as mc
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong


def conv2d_forward(x, w, b, stride, padding):
    """(1.3)."""
    return F.conv2d(mc.tensor(x), mc.tensor(w), mc.tensor(b), stride, padding).numpy()


def conv2d_backward(dy, x, w, stride, padding):
    """(1.9), by the engine."""
    tx, tw, tb = (mc.tensor(a, requires_grad=True) for a in (x, w, np.zeros(len(w))))
    F.conv2d(tx, tw, tb, stride, padding).backward(mc.tensor(dy))
    return tx.grad.numpy(), tw.grad.numpy(), tb.grad.numpy()


def cross_entropy_backward(logits, labels):
    """(1.14), by the engine."""
    z = mc.tensor(logits, requires_grad=True)
    F.cross_entropy(z, mc.tensor(labels)).backward()
    return z.grad.numpy()


# ------------------------------------------------------------------------------------------------- forward with faults


def padded(x, padding, mode="constant", sides=(1, 1)):
    """x with a border; sides: how much of the padding in front and behind."""
    return np.pad(x, ((0, 0), (0, 0), *[(padding * sides[0], padding * sides[1])] * 2), mode=mode)


def sizes(x, w, stride, padding):
    """oh, ow by (1.4)."""
    return tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:]))


def forward(x, w, b, stride, padding, *, flip=False, mode="constant", sides=(1, 1), dense=False, late=False, bias=1.0, average=(),
            first_channel=False, relu=False):
    """Convolution by loops, with faults to choose."""
    (oh, ow), (kh, kw) = sizes(x, w, stride, padding), w.shape[2:]
    s = 1 if dense else stride
    big = padded(x, padding, mode if padding else "constant", sides)
    big = np.pad(big, ((0, 0), (0, 0), (0, stride), (0, stride)))  # for windows that begin too late
    kernel = w[:, :, ::-1, ::-1] if flip else w
    start, used = stride - 1 if late else 0, 1 if first_channel else x.shape[1]
    y = np.empty((len(x), len(w), oh, ow))
    for i, j in np.ndindex(oh, ow):
        window = big[:, :, start + s * i : start + s * i + kh, start + s * j : start + s * j + kw]
        y[:, :, i, j] = np.einsum("fcab,ncab->nf", kernel[:, :used], window[:, :used])
    for axes in average:
        y = y / np.prod([w.shape[axis] for axis in axes])
    y = y + bias * b[:, None, None]
    return np.maximum(y, 0) if relu else y


def forward_with(**fault):
    """conv2d_forward with one fault."""
    return lambda *args: forward(*args, **fault)


def bias_for_each_channel(x, w, b, stride, padding):
    """Added inside the loop over input channels."""
    return forward(x, w, b * x.shape[1], stride, padding)


WRONG_FORWARD = [
    ("The kernel is not flipped here: W(2 + i', 2 + j') meets X at + i', + j'", forward_with(flip=True)),
    ("The window moves by `stride` pixels from one output to the next; here it moved by one", forward_with(dense=True)),
    ("The first window begins at the first padded pixel; the printed centre X(si, sj) begins stride - 1 pixels later (E1)",
     forward_with(late=True)),
    ("The padding is on all four sides; here it was all at the bottom and on the right", forward_with(sides=(0, 2))),
    ("The padding is on all four sides; here it was all at the top and on the left", forward_with(sides=(2, 0))),
    ("The padding is zeros, not copies of the border", forward_with(mode="edge")),
    ("The padding is zeros, not a mirror image of the border", forward_with(mode="symmetric")),
    ("The padding is zeros, not the opposite border (that is circular padding)", forward_with(mode="wrap")),
    ("The bias is missing", forward_with(bias=0.0)),
    ("The bias is added once for each output channel, not once for each channel of the input", bias_for_each_channel),
    ("The products are summed over the input channels, not averaged", forward_with(average=[(1,)])),
    ("The products are summed over the window, not averaged", forward_with(average=[(2, 3)])),
    ("All channels of the input enter every output channel; here only the first did", forward_with(first_channel=True)),
    ("A convolution is linear: no ReLU belongs here", forward_with(relu=True)),
]


# ------------------------------------------------------------------------------------------------ backward with faults


def backward(dy, x, w, stride, padding, *, flip_dx=False, flip_dw=False, overwrite=False, dense_dx=False, dense_dw=False, crop=None,
             mean=False, db_mean=False, db_axes=(0, 2, 3), shared=False, read_unpadded=False, dx_batch=False, dw_last=False):
    """(1.9) by loops, with faults to choose."""
    kh, kw = w.shape[2:]
    big = padded(x, padding)
    source = padded(x, padding, sides=(0, 2)) if read_unpadded else big
    dbig, dw, hits = np.zeros_like(big), np.zeros_like(w), np.zeros(big.shape[2:])
    kernel = w[:, :, ::-1, ::-1] if flip_dx else w
    for i, j in np.ndindex(*dy.shape[2:]):
        a, b = (i, j) if dense_dx else (stride * i, stride * j)
        part = np.einsum("nf,fcab->ncab", dy[:, :, i, j], kernel)
        if overwrite:
            dbig[:, :, a : a + kh, b : b + kw] = part
        else:
            dbig[:, :, a : a + kh, b : b + kw] += part
        hits[a : a + kh, b : b + kw] += 1
        a, b = (i, j) if dense_dw else (stride * i, stride * j)
        piece = np.einsum("nf,ncab->fcab", dy[:, :, i, j], source[:, :, a : a + kh, b : b + kw])
        dw = piece if dw_last else dw + piece
    if shared:
        dbig = dbig / np.maximum(hits, 1)
    start = padding if crop is None else crop * padding
    dx = dbig[:, :, start : start + x.shape[2], start : start + x.shape[3]].copy()
    dw = dw[:, :, ::-1, ::-1].copy() if flip_dw else dw
    db = dy.sum(axis=(0, 2, 3)) / (dy[0, 0].size if db_mean else 1)
    if db_axes != (0, 2, 3):
        db = dy[:, :, 0, 0].sum(axis=0) if db_axes == (0,) else dy[0].sum(axis=(1, 2))
    if mean:
        dw, db = dw / len(x), db / len(x)
    return (dx / len(x) if dx_batch else dx), dw, db


def backward_with(**fault):
    """conv2d_backward with one fault."""
    return lambda *args: backward(*args, **fault)


WRONG_BACKWARD = [
    ("dx takes the kernel as it is when it is scattered; it was flipped, as for a true convolution", backward_with(flip_dx=True)),
    ("dw came out turned by 180 degrees: it lies as w does, which is not flipped", backward_with(flip_dw=True)),
    ("Windows overlap: what comes back to a pixel must be added (+=), not overwritten (=)", backward_with(overwrite=True)),
    ("The window of output (i, j) begins at stride i, stride j: dx was scattered as at stride 1", backward_with(dense_dx=True)),
    ("The window of output (i, j) begins at stride i, stride j: dw was gathered as at stride 1", backward_with(dense_dw=True)),
    ("The window of output (i, j) begins at stride i, stride j, for dx and for dw", backward_with(dense_dx=True, dense_dw=True)),
    ("The padding must be cut off dx on all four sides; here it was cut off at the bottom and on the right only", backward_with(crop=0)),
    ("The padding must be cut off dx on all four sides; here it was cut off at the top and on the left only", backward_with(crop=2)),
    ("The gradients of the weights are sums over the batch, not means", backward_with(mean=True)),
    ("The gradient dx of each image is its own: it is not divided by the size of the batch", backward_with(dx_batch=True)),
    ("db is the sum over all output pixels, not their mean", backward_with(db_mean=True)),
    ("db is the sum over the batch and over all output pixels; here only over the first pixel", backward_with(db_axes=(0,))),
    ("db is the sum over the batch and over all output pixels; here only over the first image", backward_with(db_axes=(1, 2))),
    ("A pixel in several windows receives the sum of what comes back, not the mean", backward_with(shared=True)),
    ("dw pairs dy with the windows of the padded x; here the padding was all at the bottom and on the right",
     backward_with(read_unpadded=True)),
    ("dw is the sum over all output pixels; here only the last one was left", backward_with(dw_last=True)),
]


# ------------------------------------------------------------------------------------------------------ loss with faults


def softmax(z, axis=1, safe=True):
    """Along an axis; without safe, large logits overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(z - z.max(axis=axis, keepdims=True)) if safe else np.exp(z)
        return e / e.sum(axis=axis, keepdims=True)


def one_hot(z, labels):
    """(N, K) with a 1 at each label."""
    return np.eye(z.shape[1])[labels]


def sigmoid(z):
    """1 / (1 + e^-z)."""
    return 0.5 * (1 + np.tanh(0.5 * z))


WRONG_LOSS = [
    ("The loss is the mean over the batch: divide by N", lambda z, t: softmax(z) - one_hot(z, t)),
    ("The sign is turned round: p - y, not y - p", lambda z, t: (one_hot(z, t) - softmax(z)) / len(z)),
    ("The label is missing: p - y, not p", lambda z, t: softmax(z) / len(z)),
    ("Only the entry of the label is left: p enters everywhere, so that each row sums to 0",
     lambda z, t: one_hot(z, t) * (softmax(z) - 1) / len(z)),
    ("The softmax runs over the classes of one image, not over the batch", lambda z, t: (softmax(z, axis=0) - one_hot(z, t)) / len(z)),
    ("Divide by the number of images, not by the number of entries", lambda z, t: (softmax(z) - one_hot(z, t)) / z.size),
    ("Divide by the number of images, not by the number of classes", lambda z, t: (softmax(z) - one_hot(z, t)) / z.shape[1]),
    ("Softmax, not a sigmoid of each logit", lambda z, t: (sigmoid(z) - one_hot(z, t)) / len(z)),
    ("The derivative of softmax is already in p - y; it was multiplied in once more",
     lambda z, t: (softmax(z) - one_hot(z, t)) * softmax(z) * (1 - softmax(z)) / len(z)),
    ("The loss is cross-entropy; this is the gradient in p, -y / p, before softmax",
     lambda z, t: -one_hot(z, t) / np.maximum(softmax(z), 1e-300) / len(z)),
    ("Subtract the largest logit before np.exp: it overflows, and inf / inf is nan",
     lambda z, t: (softmax(z, safe=False) - one_hot(z, t)) / len(z)),
    ("The logits must go through softmax first", lambda z, t: (z - one_hot(z, t)) / len(z)),
]

WRONG = [*(Wrong("conv2d_forward", idea + ", see (1.3)", answer) for idea, answer in WRONG_FORWARD),
         *(Wrong("conv2d_backward", idea + ", see (1.9)", answer) for idea, answer in WRONG_BACKWARD),
         *(Wrong("cross_entropy_backward", idea + ", see (1.14)", answer) for idea, answer in WRONG_LOSS)]
