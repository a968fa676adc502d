"""Multi-head attention, as torch.nn.MultiheadAttention has it."""

import math

from ..autograd import raw
from ..create import empty, zeros
from ..errors import InputError
from ..ops.checks import FLAG, checked
from ..ops.elementwise import where
from . import functional as F
from . import init
from .checks import positive
from .functional.checks import check_probability
from .linear import Linear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Heads softmax(q k^T / sqrt(d)) v, d = embed_dim / num_heads, side by side, then a linear map. Vaswani et al. 2017, 3.2.2.

    forward(query, key, value) takes (l, n, embed_dim), or (n, l, embed_dim) with batch_first, or (l, embed_dim).
    in_proj_weight holds the three input maps one below the other, as in PyTorch.
    """

    @checked(bias=FLAG)
    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, *, batch_first=False):
        super().__init__()
        positive("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise InputError("MultiheadAttention", "num_heads", f"a divisor of embed_dim {embed_dim}", num_heads)
        check_probability("MultiheadAttention", dropout, "dropout")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim))
        self.register_parameter("in_proj_bias", Parameter(zeros(3 * embed_dim)) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias)
        init.xavier_uniform_(self.in_proj_weight)
        if bias:
            init.zeros_(self.out_proj.bias)

    def _heads(self, x, i):
        """Input map i (query, key, value) of x (n, l, e), as (n, heads, l, d)."""
        e, h = self.embed_dim, self.num_heads
        bias = None if self.in_proj_bias is None else self.in_proj_bias[i * e : (i + 1) * e]
        y = F.linear(x, self.in_proj_weight[i * e : (i + 1) * e], bias)
        return y.reshape(y.shape[0], y.shape[1], h, e // h).transpose(1, 2)

    def _mask(self, key_padding_mask, attn_mask, like):
        """Both masks as one array of numbers that are added to the scores, or None; True means: take no part."""
        total = None
        for mask, shape in ((attn_mask, None), (key_padding_mask, "keys")):
            if mask is None:
                continue
            values = raw(mask)
            if values.dtype.kind == "b":
                values = raw(where(values, -math.inf, like._data.dtype.type(0)))
            if shape == "keys":
                values = values.reshape(values.shape[0], 1, 1, -1)
            elif values.ndim == 3:
                values = values.reshape(-1, self.num_heads, *values.shape[1:])
            total = values if total is None else total + values
        return total

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True):
        """(output, weights): weights averaged over heads (n, l, s), per head (n, heads, l, s), or None if not needed."""
        single = query.ndim == 2
        q, k, v = (t.unsqueeze(0) if single else t if self.batch_first else t.transpose(0, 1) for t in (query, key, value))
        if q.ndim != 3 or any(t.shape[2] != self.embed_dim for t in (q, k, v)):
            raise InputError("MultiheadAttention", "query, key, value", f"of 2 or 3 dimensions, the last {self.embed_dim}",
                             [tuple(t.shape) for t in (query, key, value)])
        q, k, v = (self._heads(t, i) for i, t in enumerate((q, k, v)))
        scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.mT
        mask = self._mask(key_padding_mask, attn_mask, scores)
        weights = F.softmax(scores if mask is None else scores + mask, dim=-1)
        mixed = F.dropout(weights, self.dropout, self.training) @ v
        y = self.out_proj(mixed.transpose(1, 2).reshape(mixed.shape[0], mixed.shape[2], self.embed_dim))
        y = y.squeeze(0) if single else y if self.batch_first else y.transpose(0, 1)
        if not need_weights:
            return y, None
        weights = weights.mean(dim=1) if average_attn_weights else weights
        return y, weights.squeeze(0) if single else weights
