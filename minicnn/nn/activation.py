"""Activation and dropout layers; see the functions of the same names in nn.functional."""

from ..create import full
from ..ops.checks import checked
from . import functional as F
from .checks import positive
from .functional.checks import check_choice, check_probability
from .module import Module
from .parameter import Parameter

__all__ = [
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "SELU", "Sigmoid", "LogSigmoid", "Tanh", "GELU", "SiLU", "Mish", "Softplus",
    "Hardtanh", "Hardsigmoid", "Hardswish", "Softmax", "LogSoftmax", "Dropout", "Dropout2d",
]


class _Plain(Module):
    """A layer without arguments: forward is one function."""

    function = None

    def forward(self, input):
        return type(self).function(input)


class Sigmoid(_Plain):
    """1 / (1 + e^-x)."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(_Plain):
    """ln sigmoid(x)."""

    function = staticmethod(F.logsigmoid)


class Tanh(_Plain):
    """Hyperbolic tangent."""

    function = staticmethod(F.tanh)


class _MaybeInPlace(_Plain):
    """Takes PyTorch's `inplace`, which changes nothing here: results never overwrite what a gradient needs."""

    @checked
    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


class ReLU(_MaybeInPlace):
    """max(x, 0)."""

    function = staticmethod(F.relu)


class ReLU6(_MaybeInPlace):
    """min(max(x, 0), 6)."""

    function = staticmethod(F.relu6)


class SELU(_MaybeInPlace):
    """1.0507 elu(x, 1.6733)."""

    function = staticmethod(F.selu)


class SiLU(_MaybeInPlace):
    """x sigmoid(x)."""

    function = staticmethod(F.silu)


class Mish(_MaybeInPlace):
    """x tanh(softplus(x))."""

    function = staticmethod(F.mish)


class Hardsigmoid(_MaybeInPlace):
    """min(max(x + 3, 0), 6) / 6."""

    function = staticmethod(F.hardsigmoid)


class Hardswish(_MaybeInPlace):
    """x hardsigmoid(x)."""

    function = staticmethod(F.hardswish)


class LeakyReLU(Module):
    """x for x > 0, negative_slope * x otherwise."""

    @checked
    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class PReLU(Module):
    """max(x, 0) + a min(x, 0) with learned slopes, one (default) or one per channel. He et al. 2015, eq. 1."""

    @checked
    def __init__(self, num_parameters=1, init=0.25):
        super().__init__()
        positive("PReLU", num_parameters=num_parameters)
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), float(init)))

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """x for x > 0, alpha (e^x - 1) otherwise."""

    @checked
    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input):
        return F.elu(input, self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha}"


class GELU(Module):
    """x Phi(x), Phi the normal distribution function."""

    @checked
    def __init__(self, approximate="none"):
        super().__init__()
        check_choice("GELU", "approximate", approximate, ("none", "tanh"))
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """ln(1 + e^(beta x)) / beta."""

    @checked
    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardtanh(Module):
    """min(max(x, min_val), max_val)."""

    @checked
    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}"


class Softmax(Module):
    """e^(x_i) / sum_j e^(x_j) along dim, which must be given by the first call."""

    @checked
    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmax(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """ln softmax(x) along dim."""

    def forward(self, input):
        return F.log_softmax(input, self.dim)


class Dropout(Module):
    """In training sets entries to 0 with probability p and divides the others by 1 - p; else the identity."""

    function = staticmethod(F.dropout)

    @checked
    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        check_probability(type(self).__name__, p)
        self.p, self.inplace = p, inplace

    def forward(self, input):
        return type(self).function(input, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}"


class Dropout2d(Dropout):
    """Dropout of whole channels."""

    function = staticmethod(F.dropout2d)
