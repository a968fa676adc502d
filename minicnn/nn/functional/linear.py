"""Linear maps, embeddings and attention, as torch.nn.functional has them."""

import math

from ...autograd import raw
from ...backend import is_array, xp_of
from ...errors import InputError
from ...ops import arrange, linalg
from ...ops import elementwise as E
from ...ops import reduce as R
from ...ops.checks import INT, checked
from .activation import dropout
from .checks import check_dtypes, check_float, check_input

__all__ = ["linear", "bilinear", "embedding", "one_hot", "scaled_dot_product_attention", "cosine_similarity"]

one_hot = arrange.one_hot


@checked
def linear(input, weight, bias=None):
    """x W^T + b for x (..., in), W (out, in), b (out)."""
    check_float("linear", input)
    check_input("linear", weight, (2,), "(out_features, in_features)", "weight")
    check_dtypes("linear", input, weight=weight, bias=bias)
    if input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise InputError("linear", "input", f"of shape (..., {weight.shape[-1]}) for a weight of shape {tuple(weight.shape)}",
                         f"shape {tuple(input.shape)}", "Did you forget to flatten?" if input.ndim > 2 else "")
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise InputError("linear", "bias", f"of shape ({weight.shape[0]},)", f"shape {tuple(bias.shape)}")
    return linalg.matmul(input, linalg.swap_last(weight)) if bias is None else linalg.linear(input, weight, bias)


@checked
def bilinear(input1, input2, weight, bias=None):
    """y_k = x1^T W_k x2 + b_k for W (out, in1, in2)."""
    check_float("bilinear", input1, "input1")
    check_float("bilinear", input2, "input2")
    check_input("bilinear", weight, (3,), "(out, in1, in2)", "weight")
    check_dtypes("bilinear", input1, input2=input2, weight=weight, bias=bias)
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise InputError("bilinear", "bias", f"of shape ({weight.shape[0]},)", f"shape {tuple(bias.shape)}")
    y = linalg.einsum("...i,kij,...j->...k", input1, weight, input2)
    return y if bias is None else y + bias


@checked
def embedding(input, weight, padding_idx=None):
    """Rows of `weight` (entries, features) at the integers of `input` (...), as (..., features).

    padding_idx: the row of this number (from the end, if negative) gets no gradient.
    """
    index = raw(input)
    check_input("embedding", weight, (2,), "(entries, features)", "weight")
    if not is_array(index) or index.dtype.kind not in "iu":
        raise InputError("embedding", "input", "a tensor of integers", getattr(index, "dtype", type(index).__name__))
    entries = weight.shape[0]
    rows = arrange.index_select(weight, 0, index.reshape(-1))
    if padding_idx is not None:
        if not isinstance(padding_idx, int) or not -entries <= padding_idx < entries:
            raise InputError("embedding", "padding_idx", f"from {-entries} to {entries - 1}", repr(padding_idx))
        padded = index.reshape((-1, 1)) == padding_idx % entries
        rows = E.where(padded, raw(rows), rows)  # the same values, as constants
    return rows.reshape((*index.shape, weight.shape[1]))


@checked
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    """softmax(q k^T / sqrt(d) + mask) v for q (..., l, d), k (..., s, d), v (..., s, e). Vaswani et al. 2017, eq. 1.

    attn_mask: booleans (True takes part) or numbers that are added, broadcast to (..., l, s). is_causal: position i
    sees positions <= i. dropout_p acts whenever it is above 0, as in PyTorch: pass 0 at test time.
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        check_float("scaled_dot_product_attention", x, name)
        if x.ndim < 2:
            raise InputError("scaled_dot_product_attention", name, "of shape (..., length, features)", f"shape {tuple(x.shape)}")
    check_dtypes("scaled_dot_product_attention", query, key=key, value=value)
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise InputError("scaled_dot_product_attention", "query, key, value", "of shapes (..., l, d), (..., s, d), (..., s, e)",
                         f"{tuple(query.shape)}, {tuple(key.shape)}, {tuple(value.shape)}")
    if is_causal and attn_mask is not None:
        raise InputError("scaled_dot_product_attention", "attn_mask", "None with is_causal=True", "a mask")
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * scale) @ linalg.swap_last(key)
    if is_causal:
        xp = xp_of(raw(query))
        attn_mask = xp.tri(query.shape[-2], key.shape[-2], dtype=bool)
    if attn_mask is not None:
        if raw(attn_mask).dtype.kind == "b":
            scores = E.where(attn_mask, scores, -math.inf)
        else:
            scores = scores + attn_mask
    return dropout(R.softmax(scores, axis=-1), dropout_p) @ value


@checked(dim=INT)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """<a, b> / max(|a| |b|, eps) along dim."""
    check_float("cosine_similarity", x1, "x1")
    check_float("cosine_similarity", x2, "x2")
    product = R.norm(x1, axis=dim) * R.norm(x2, axis=dim)
    return R.sum(x1 * x2, axis=dim) / E.clamp(product, min=eps)
