"""Linear maps and reshaping layers."""

import math

from ..create import empty
from ..errors import InputError
from ..ops.checks import FLAG, INT, checked, ints
from ..tensor import Tensor
from . import functional as F
from . import init
from .checks import positive
from .module import Module
from .parameter import Parameter

__all__ = ["Linear", "Bilinear", "Identity", "Flatten", "Unflatten", "Embedding"]


def fill_default(weight, bias, fan_in):
    """PyTorch's default for linear and convolutional layers: all entries from U(-b, b), b = 1/sqrt(fan_in).

    Its name in PyTorch, kaiming_uniform_(a=sqrt(5)), hides that the variance is 1/(3 fan_in), a sixth of He's 2/fan_in.
    """
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(bias, -bound, bound)


class Linear(Module):
    """y = x W^T + b; weight (out_features, in_features), bias (out_features,)."""

    @checked(bias=FLAG)
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty(out_features, in_features))
        self.register_parameter("bias", Parameter(empty(out_features)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the parameters anew."""
        fill_default(self.weight, self.bias, self.in_features)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """y_k = x1^T W_k x2 + b_k; weight (out, in1, in2)."""

    @checked(bias=FLAG)
    def __init__(self, in1_features, in2_features, out_features, bias=True):
        super().__init__()
        positive("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(empty(out_features, in1_features, in2_features))
        self.register_parameter("bias", Parameter(empty(out_features)) if bias else None)
        bound = 1 / math.sqrt(in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"


class Embedding(Module):
    """Rows of a table (num_embeddings, embedding_dim), drawn from N(0, 1), picked by integers.

    The row of number padding_idx starts at 0 and gets no gradient.
    """

    @checked
    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__()
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise InputError("Embedding", "padding_idx", f"from {-num_embeddings} to {num_embeddings - 1}", padding_idx)
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = Parameter(empty(num_embeddings, embedding_dim))
        init.normal_(self.weight)
        if padding_idx is not None:
            self.weight._data[padding_idx] = 0

    def forward(self, input):
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self):
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Identity(Module):
    """y = x; takes and ignores any arguments."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Flatten(Module):
    """Axes start_dim to end_dim as one; by default all but the batch."""

    @checked(start_dim=INT, end_dim=INT)
    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        return Tensor.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis cut into several."""

    @checked(dim=INT)
    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, ints("Unflatten", "unflattened_size", unflattened_size)

    def forward(self, input):
        dim = self.dim % input.ndim
        return input.reshape((*input.shape[:dim], *self.unflattened_size, *input.shape[dim + 1 :]))

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
