"""Networks of continuous depth, and series of irregular times by a latent differential equation. Its flows: normalizing_flow.py.

R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud 2018, Neural Ordinary Differential Equations, table 1 (MNIST) and section 5.
Layers of the networks as in the authors' example for MNIST.

| net | printed | parameters, two residual blocks down | two convolutions down |
|---|---|---|---|
| mlp_mnist | 0.24M | 238,510 | |
| resnet_mnist | 0.60M | 601,482 | 576,778 |
| rknet_mnist, odenet_mnist | 0.22M | 232,970 | 208,266: neither is 0.22M |
"""

import math

from .. import nn
from ..backend import xp_of
from ..errors import InputError
from ..functions import cat, exp, tanh
from ..nn import functional as F
from ..ode import odeint, odeint_adjoint
from ..tensor import Tensor
from .normalizing_flow import draw
from .registry import register_model

__all__ = ["ODEFunc", "ODEBlock", "LatentODE", "mlp_mnist", "resnet_mnist", "rknet_mnist", "odenet_mnist"]


# ------------------------------------------------------------------------------------------------------- images

def norm(channels):
    """Group normalization, at most 32 groups, of two channels or more."""
    return nn.GroupNorm(min(32, channels // 2), channels)


class PreActivation(nn.Module):
    """x + F(x), F: norm, ReLU, 3x3, norm, ReLU, 3x3; with a stride, a 1x1 on the shortcut after the first norm and ReLU."""

    def __init__(self, channels, stride=1):
        super().__init__()
        self.norm1, self.norm2 = norm(channels), norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.downsample = nn.Conv2d(channels, channels, 1, stride, bias=False) if stride > 1 else None

    def forward(self, x):
        y = F.relu(self.norm1(x))
        shortcut = x if self.downsample is None else self.downsample(y)
        return shortcut + self.conv2(F.relu(self.norm2(self.conv1(y))))


class ODEFunc(nn.Module):
    """f(t, x) for pictures: norm, ReLU, 3x3, norm, ReLU, 3x3, norm; both convolutions see t as one more channel."""

    def __init__(self, channels):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = norm(channels), norm(channels), norm(channels)
        self.conv1 = nn.Conv2d(channels + 1, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels + 1, channels, 3, padding=1)

    def forward(self, t, x):
        plane = t.reshape(1, 1, 1, 1).expand(len(x), 1, *x.shape[2:])
        x = self.conv1(cat([plane, F.relu(self.norm1(x))], dim=1))
        return self.norm3(self.conv2(cat([plane, F.relu(self.norm2(x))], dim=1)))


class ODEBlock(nn.Module):
    """y(1) from y(0) = x by dy/dt = func(t, y), as a layer. adjoint: gradients by the adjoint equation. options: odeint's.

    evaluations: how often func has been called, forward and backward; set it to 0 to count anew.
    """

    def __init__(self, func, adjoint=True, **options):
        super().__init__()
        self.func, self.solver, self.options, self.evaluations = func, odeint_adjoint if adjoint else odeint, options, 0

    def slope(self, t, x):
        self.evaluations += 1
        return self.func(t, x)

    def forward(self, x):
        return self.solver(self.slope, x, [0.0, 1.0], **self.options)[1]


class MnistNet(nn.Module):
    """A convolution and two layers down to a quarter of the side, a body at that size, then norm, ReLU, average, linear."""

    def __init__(self, body, num_classes, width, in_channels, downsampling):
        super().__init__()
        if downsampling not in ("res", "conv"):
            raise InputError("MnistNet", "downsampling", "'res' or 'conv'", repr(downsampling))
        self.stem = nn.Conv2d(in_channels, width, 3)
        if downsampling == "res":
            self.down = nn.Sequential(PreActivation(width, 2), PreActivation(width, 2))
        else:
            self.down = nn.Sequential(*[m for _ in range(2) for m in (norm(width), nn.ReLU(), nn.Conv2d(width, width, 4, 2, 1))])
        self.body = body
        self.norm = norm(width)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        x = F.relu(self.norm(self.body(self.down(self.stem(x)))))
        return self.fc(x.mean(dim=(2, 3)))


SMALL = {"small": {"width": 8}, "small_input": (1, 10, 9)}


@register_model(input_size=(1, 28, 28), parameters=238_510, macs=238_200, small={}, small_input=(1, 28, 28))
def mlp_mnist(num_classes=10, inputs=784, hidden=300):
    """784-300-10, the first row of the table."""
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, num_classes))


@register_model(input_size=(1, 28, 28), parameters=601_482, macs=39_031_680, **SMALL)
def resnet_mnist(num_classes=10, width=64, blocks=6, in_channels=1, downsampling="res"):
    """Six residual blocks in the body."""
    body = nn.Sequential(*[PreActivation(width) for _ in range(blocks)])
    return MnistNet(body, num_classes, width, in_channels, downsampling)


@register_model(input_size=(1, 28, 28), parameters=232_970, macs=46_708_608, **SMALL)
def rknet_mnist(num_classes=10, width=64, in_channels=1, downsampling="res", method="rk4", step_size=0.5):
    """One differential equation in the body, fixed steps, gradients through the steps."""
    body = ODEBlock(ODEFunc(width), adjoint=False, method=method, step_size=step_size)
    return MnistNet(body, num_classes, width, in_channels, downsampling)


@register_model(input_size=(1, 28, 28), parameters=232_970, macs=None, small={"width": 8, "rtol": 1e-2, "atol": 1e-2},
                small_input=(1, 10, 9))
def odenet_mnist(num_classes=10, width=64, in_channels=1, downsampling="res", adjoint=True, rtol=1e-3, atol=1e-3, **options):
    """One differential equation in the body, steps by tolerance, gradients by the adjoint. Its work depends on the input."""
    body = ODEBlock(ODEFunc(width), adjoint=adjoint, rtol=rtol, atol=atol, **options)
    return MnistNet(body, num_classes, width, in_channels, downsampling)


# -------------------------------------------------------------------------------------------------- time series

class LatentODE(nn.Module):
    """Series seen at irregular times, (26.22): a recurrent net reads one backward into q(z_0), an equation moves z, a decoder
    shows it.

    latent: the size of z. hidden: units in the equation and the decoder. memory: of the recurrent net. noise: standard deviation
    of the observations. options: odeint's.
    """

    def __init__(self, dim=2, latent=4, hidden=20, memory=25, noise=0.1, **options):
        super().__init__()
        self.latent, self.memory, self.noise, self.options = latent, memory, noise, options
        self.read = nn.Linear(dim + 1 + memory, memory)
        self.summary = nn.Linear(memory, 2 * latent)
        self.field = nn.Sequential(nn.Linear(latent, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU(),
                                   nn.Linear(hidden, latent))
        self.decode = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, dim))

    def encode(self, x, t):
        """(mean, log variance) of q(z_0 | x): x (B, N, dim) seen at t (B, N), which rise; read from the last to the first."""
        gap = cat([t[:, :1], t[:, 1:] - t[:, :-1]], dim=1).unsqueeze(2)  # to the one before, of the first to time 0
        seen = cat([x, gap], dim=2)
        h = Tensor._make(xp_of(x._data).zeros((len(x), self.memory), dtype=x.dtype))
        for i in reversed(range(x.shape[1])):
            h = tanh(self.read(cat([seen[:, i], h], dim=1)))
        return self.summary(h).split(self.latent, dim=1)

    def predict(self, z0, times):
        """(T, B, dim): the decoded solution at times, the first of which is 0."""
        return self.decode(odeint(lambda t, z: self.field(z), z0, times, **self.options))

    def forward(self, x, t, times, where_seen):
        """(loss, predictions at `times`): minus the evidence bound for each series, averaged; t = times[where_seen] (B, N)."""
        mean, log_var = self.encode(x, t)
        z0 = mean + exp(0.5 * log_var) * draw(len(x), self.latent, mean)
        shown = self.predict(z0, times)
        error = (shown.transpose(0, 1)[Tensor(xp_of(x._data).arange(len(x))).reshape(-1, 1), where_seen] - x) / self.noise
        fit = 0.5 * (error * error).sum(dim=(1, 2)) + x.shape[1] * x.shape[2] * math.log(self.noise * math.sqrt(2 * math.pi))
        distance = 0.5 * (mean * mean + exp(log_var) - 1 - log_var).sum(dim=1)
        return (fit + distance).mean(), shown
