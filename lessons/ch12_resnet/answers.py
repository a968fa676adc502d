"""Chapter 12: the library's own answers, and typical wrong ones with the idea that each misses."""

from functools import wraps

import minicnn as mc
from minicnn.models.resnet import BasicBlock, PadShortcut
from minicnn.nn import functional as F
from minicnn.teaching.grader import Wrong


def on_arrays(function):
    """The same function with arrays for tensors, going in and coming out."""
    @wraps(function)
    def wrapped(*args):
        return function(*[mc.tensor(a) if hasattr(a, "shape") else a for a in args]).detach().numpy()
    return wrapped


def bn(x):
    """Batch normalization over the batch, gamma 1 and beta 0."""
    return F.batch_norm(x, None, None, training=True)


# ------------------------------------------------------------------------------------------------------------- shortcut_a


@on_arrays
def shortcut_a(x, out_channels, stride):
    """(12.6), A: every stride-th pixel, then channels of zeros."""
    return PadShortcut(x.shape[1], out_channels, stride)(x)


def picked(x, s):
    """Every s-th pixel."""
    return x[:, :, ::s, ::s]


def zeros(x, k, before=0):
    """Channels of zeros: `before` of them in front, and after x so many that there are k."""
    return F.pad(x, (0, 0, 0, 0, before, k - x.shape[1] - before))


WRONG_A = [
    ("the channels of zeros come after those of x, not before them", lambda x, k, s: zeros(picked(x, s), k, k - x.shape[1])),
    ("all channels of zeros come after those of x, none before them", lambda x, k, s: zeros(picked(x, s), k, (k - x.shape[1]) // 2)),
    ("option A takes every stride-th pixel; it does not average", lambda x, k, s: zeros(F.avg_pool2d(x, s, ceil_mode=True), k)),
    ("option A takes every stride-th pixel; it does not take the largest",
     lambda x, k, s: zeros(F.max_pool2d(x, s, ceil_mode=True), k)),
    ("the first pixel is kept: rows and columns 0, stride, 2 stride, counted from 0",
     lambda x, k, s: zeros(picked(mc.roll(x, (1 - s, 1 - s), (2, 3)), s), k)),
    ("the additional channels are zeros, not copies of x", lambda x, k, s: picked(mc.cat([x] * k, dim=1)[:, :k], s)),
    ("the stride holds for rows and for columns: here only for rows", lambda x, k, s: zeros(x[:, :, ::s], k)),
    ("the stride holds for rows and for columns: here only for columns", lambda x, k, s: zeros(x[:, :, :, ::s], k)),
    ("the stride is left out; that is right only where it is 1", lambda x, k, s: zeros(x, k)),
    ("the additional channels are missing; adding would rely on broadcasting or fail", lambda x, k, s: picked(x, s)),
]


# ------------------------------------------------------------------------------------------------------------ basic_block


@on_arrays
def basic_block(x, w1, w2, stride, ws):
    """(12.2) and (12.6): option B where there is a ws, else the identity or option A."""
    block = BasicBlock(x.shape[1], w1.shape[0], stride, "A" if ws is None else "B").double()
    weights = {"conv1.weight": w1, "conv2.weight": w2} | ({} if ws is None else {"downsample.0.weight": ws})
    block.load_state_dict(weights, strict=False)
    return block(x)


def first(x, w1, s):
    """The first half of the branch."""
    return F.relu(bn(F.conv2d(x, w1, stride=s, padding=1)))


def branch(x, w1, w2, s):
    """All of it."""
    return bn(F.conv2d(first(x, w1, s), w2, padding=1))


def short(x, w1, s, ws):
    """The shortcut, by option A or B."""
    return zeros(picked(x, s), w1.shape[0]) if ws is None else bn(F.conv2d(x, ws, stride=s))


def stride_in_both(x, w1, w2, s, ws):
    """The shortcut is made to fit, as someone would who looks at the error alone."""
    return F.relu(picked(short(x, w1, s, ws), s) + bn(F.conv2d(first(x, w1, s), w2, stride=s, padding=1)))


def broadcast(x, w1, w2, s, ws):
    """No complaint where x has one channel."""
    shortcut = picked(x, s) if x.shape[1] == 1 and ws is None else short(x, w1, s, ws)
    return F.relu(shortcut + branch(x, w1, w2, s))


def relu_before_bn(x, w1, w2, s, ws):
    """Convolution, ReLU, BN."""
    return F.relu(short(x, w1, s, ws) + bn(F.conv2d(bn(F.relu(F.conv2d(x, w1, stride=s, padding=1))), w2, padding=1)))


def no_bn(x, w1, w2, s, ws):
    """No BN in the branch."""
    y = F.conv2d(F.relu(F.conv2d(x, w1, stride=s, padding=1)), w2, padding=1)
    return F.relu(short(x, w1, s, ws) + y)


def one_bn(x, w1, w2, s, ws):
    """No BN at the end of the branch."""
    return F.relu(short(x, w1, s, ws) + F.conv2d(first(x, w1, s), w2, padding=1))


WRONG_BLOCK = [
    ("the ReLU comes after the addition; before it, a block could only add",
     lambda x, w1, w2, s, ws: short(x, w1, s, ws) + F.relu(branch(x, w1, w2, s))),
    ("there is no ReLU at the end of the branch, before the addition: a block could only add",
     lambda x, w1, w2, s, ws: F.relu(short(x, w1, s, ws) + F.relu(branch(x, w1, w2, s)))),
    ("the ReLU after the addition is missing", lambda x, w1, w2, s, ws: short(x, w1, s, ws) + branch(x, w1, w2, s)),
    ("the stride is in the first convolution only; in both, the side is divided twice", stride_in_both),
    ("the stride is in the first convolution, not in the second",
     lambda x, w1, w2, s, ws: F.relu(short(x, w1, s, ws) + bn(F.conv2d(first(x, w1, 1), w2, stride=s, padding=1)))),
    ("where the channels change x needs option A; adding one channel to all is broadcasting, not a shortcut", broadcast),
    ("x is not added: this is the plain block", lambda x, w1, w2, s, ws: F.relu(branch(x, w1, w2, s))),
    ("x is subtracted, not added", lambda x, w1, w2, s, ws: F.relu(branch(x, w1, w2, s) - short(x, w1, s, ws))),
    ("the projection of option B is followed by batch normalization", lambda x, w1, w2, s, ws: F.relu(
        (short(x, w1, s, None) if ws is None else F.conv2d(x, ws, stride=s)) + branch(x, w1, w2, s))),
    ("the weights ws of the projection are not used: this is option A",
     lambda x, w1, w2, s, ws: F.relu(short(x, w1, s, None) + branch(x, w1, w2, s))),
    ("no ReLU stands on the shortcut: x passes as it is",
     lambda x, w1, w2, s, ws: F.relu(F.relu(short(x, w1, s, ws)) + branch(x, w1, w2, s))),
    ("batch normalization ends the branch, before the addition, not after it", lambda x, w1, w2, s, ws: F.relu(
        bn(short(x, w1, s, ws) + F.conv2d(first(x, w1, s), w2, padding=1)))),
    ("the shortcut is added after the last ReLU; the ReLU comes after the addition",
     lambda x, w1, w2, s, ws: F.relu(branch(x, w1, w2, s)) + F.relu(short(x, w1, s, ws))),
    ("batch normalization after each convolution is missing", no_bn),
    ("batch normalization at the end of the branch is missing", one_bn),
    ("the ReLU between the two convolutions is missing: BN apart, the branch is then linear", lambda x, w1, w2, s, ws: F.relu(
        short(x, w1, s, ws) + bn(F.conv2d(bn(F.conv2d(x, w1, stride=s, padding=1)), w2, padding=1)))),
    ("in the branch the order is convolution, BN, ReLU", relu_before_bn),
]


# ------------------------------------------------------------------------------------------------------ residual_backward


def residual_backward(dy, z, jacobian):
    """(12.3): dz = dy [z > 0], dx = dz + F'^T dz."""
    dz = dy * (z > 0)
    return dz + jacobian.T @ dz


WRONG_BACKWARD = [
    ("the gradient along the shortcut is missing: the Jacobian is I + F', not F'", lambda dy, z, j: j.T @ (dy * (z > 0))),
    ("the gradient through the branch is missing: the Jacobian is I + F', not I", lambda dy, z, j: dy * (z > 0)),
    ("the ReLU after the addition is missing: dz = dy [z > 0]", lambda dy, z, j: dy + j.T @ dy),
    ("the ReLU stops the gradient of the shortcut as well, not of the branch alone", lambda dy, z, j: dy + j.T @ (dy * (z > 0))),
    ("the ReLU stops the gradient of the branch as well, not of the shortcut alone", lambda dy, z, j: dy * (z > 0) + j.T @ dy),
    ("the ReLU comes last on the way up, so first on the way down: mask dy, then split", lambda dy, z, j: (dy + j.T @ dy) * (z > 0)),
    ("the mask is where z > 0, not where dy > 0", lambda dy, z, j: dy * (dy > 0) + j.T @ (dy * (dy > 0))),
    ("the derivative of ReLU is [z > 0], not ReLU(z)", lambda dy, z, j: dy * z * (z > 0) + j.T @ (dy * z * (z > 0))),
    ("the derivative of ReLU is [z > 0], not [z < 0]", lambda dy, z, j: dy * (z < 0) + j.T @ (dy * (z < 0))),
    ("gradients go down with the transposed Jacobian: F'^T dz, not F' dz", lambda dy, z, j: dy * (z > 0) + j @ (dy * (z > 0))),
    ("the two ways add up; they do not multiply", lambda dy, z, j: dy * (z > 0) * (j.T @ (dy * (z > 0)))),
    ("the two ways add up; this is their mean", lambda dy, z, j: (dy * (z > 0) + j.T @ (dy * (z > 0))) / 2),
    ("the two ways add up; here one is taken from the other", lambda dy, z, j: dy * (z > 0) - j.T @ (dy * (z > 0))),
]

WRONG = [*(Wrong("shortcut_a", idea + ", see (12.6)", on_arrays(answer)) for idea, answer in WRONG_A),
         *(Wrong("basic_block", idea + ", see (12.2) and (12.6)", on_arrays(answer)) for idea, answer in WRONG_BLOCK),
         *(Wrong("residual_backward", idea + ", see (12.3)", answer) for idea, answer in WRONG_BACKWARD)]
