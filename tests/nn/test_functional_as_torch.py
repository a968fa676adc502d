"""The same call gives the same numbers as in torch: functions, options and tensor methods, values and gradients.

A case is a function of (lib, *tensors), run once with minicnn and once with torch. Float64 must agree to 1e-7, float32 to
3e-4 of the largest entry.
"""

import numpy as np
import pytest

import minicnn as mc

torch = pytest.importorskip("torch", reason="second opinion")
pytestmark = [pytest.mark.filterwarnings("ignore:Using padding='same'"),
              pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")]

IMAGE, ROWS, VECTOR, CUBE = (2, 4, 7, 6), (5, 4), (6,), (2, 3, 4)
LABELS, DENSE = np.array([2, 0, 3, 3, 1]), np.array([[0, 3, -100], [1, 1, 2]])
WEIGHTS = [0.5, 1.5, 1.0, 2.0]


def F(lib):
    return lib.nn.functional


def ints(lib, array):
    return lib.tensor(np.asarray(array))


def like(lib, values, x):
    """Plain numbers as a tensor in x's dtype."""
    return lib.tensor(np.asarray(values, dtype=np.float32 if "32" in str(x.dtype) else np.float64))


CONVS = [
    (IMAGE, (6, 4, 3, 3), dict(padding="same")), (IMAGE, (6, 4, 2, 4), dict(padding="same", dilation=(2, 1))),
    (IMAGE, (6, 2, 3, 2), dict(padding="valid", groups=2)), (IMAGE, (6, 4, 3, 3), dict(stride=(2, 3), padding=(2, 1), dilation=(1, 2))),
    (IMAGE, (8, 1, 3, 3), dict(groups=4, padding=1, stride=2)), ((4, 7, 6), (6, 4, 3, 3), dict(padding=1)),
    (IMAGE, (6, 4, 1, 1), dict(stride=2)), ((0, 4, 7, 6), (6, 4, 3, 3), {}),
]
TRANSPOSED = [
    ((2, 4, 5, 3), (4, 3, 3, 3), dict(stride=2, padding=1, output_padding=1)),
    ((2, 4, 5, 3), (4, 2, 2, 3), dict(stride=(3, 2), output_padding=(2, 0), groups=2)),
    ((2, 4, 5, 3), (4, 3, 3, 2), dict(dilation=2, output_padding=(1, 1), padding=(1, 0))), ((4, 5, 3), (4, 3, 3, 3), {}),
    ((2, 4, 5, 3), (4, 3, 3, 3), dict(stride=2, dilation=3, output_padding=2, padding=1)),
]
POOLS = [
    dict(kernel_size=3, stride=2, padding=1, ceil_mode=True), dict(kernel_size=(2, 3)), dict(kernel_size=(3, 2), stride=(3, 1), padding=(1, 0)),
    dict(kernel_size=2, stride=3, ceil_mode=True), dict(kernel_size=3, stride=3, padding=1, ceil_mode=True),
    dict(kernel_size=2, stride=3, padding=1, ceil_mode=True),
]
CASES = [
    *[("conv2d", lambda lib, x, w, b, k=k: F(lib).conv2d(x, w, b, **k), (a, w, (w[0],))) for a, w, k in CONVS],
    ("conv1d", lambda lib, x, w, b: F(lib).conv1d(x, w, b, 2, 1, 2, 2), ((2, 4, 9), (6, 2, 3), (6,))),
    ("conv1d same", lambda lib, x, w: F(lib).conv1d(x, w, padding="same"), ((2, 4, 9), (6, 4, 4))),
    *[("conv_transpose2d", lambda lib, x, w, b, k=k: F(lib).conv_transpose2d(x, w, b, **k), (a, w, (w[1] * k.get("groups", 1),)))
      for a, w, k in TRANSPOSED],
    ("conv_transpose1d plain", lambda lib, x, w: F(lib).conv_transpose1d(x, w), ((2, 4, 5), (4, 3, 3))),
    ("conv_transpose1d", lambda lib, x, w: F(lib).conv_transpose1d(x, w, None, 3, 1, 1, 2, 2), ((2, 4, 5), (4, 3, 3))),
    ("unfold", lambda lib, x: F(lib).unfold(x, (3, 2), (1, 2), (1, 0), (2, 1)), (IMAGE,)),
    ("fold", lambda lib, x: F(lib).fold(x, (7, 6), (3, 2), 1, 1, 2), ((2, 12, 16),)),
    ("linear 1d", lambda lib, x, w, b: F(lib).linear(x, w, b), ((4,), (3, 4), (3,))),
    ("bilinear", lambda lib, x, y, w, b: F(lib).bilinear(x, y, w, b), ((5, 3), (5, 4), (2, 3, 4), (2,))),
    ("embedding", lambda lib, w: F(lib).embedding(ints(lib, [[1, 0], [3, 3]]), w), (ROWS,)),
    ("embedding padding_idx", lambda lib, w: F(lib).embedding(ints(lib, [[1, 0], [3, 3]]), w, padding_idx=-2), (ROWS,)),
    *[("max_pool2d", lambda lib, x, k=k: F(lib).max_pool2d(x, **k), (IMAGE,)) for k in POOLS],
    ("max_pool2d dilation", lambda lib, x: F(lib).max_pool2d(x, 3, 1, 1, (2, 1)), (IMAGE,)),
    ("max_pool2d indices", lambda lib, x: F(lib).max_pool2d(x, 3, 2, 1, 1, True, True), (IMAGE,)),
    ("max_pool1d", lambda lib, x: F(lib).max_pool1d(x, 3, 2, 1, 2, True, True), ((2, 3, 9),)),
    *[("avg_pool2d", lambda lib, x, k=k, c=c: F(lib).avg_pool2d(x, **k, count_include_pad=c), (IMAGE,)) for k in POOLS for c in (True, False)],
    ("avg_pool2d divisor", lambda lib, x: F(lib).avg_pool2d(x, 2, divisor_override=-3), (IMAGE,)),
    ("avg_pool1d", lambda lib, x: F(lib).avg_pool1d(x, 3, 2, 1, True, False), ((2, 3, 8),)),
    ("adaptive_avg_pool2d", lambda lib, x: F(lib).adaptive_avg_pool2d(x, (None, 4)), (IMAGE,)),
    ("adaptive_avg_pool2d up", lambda lib, x: F(lib).adaptive_avg_pool2d(x, (9, 8)), ((4, 7, 6),)),
    ("adaptive_avg_pool1d", lambda lib, x: F(lib).adaptive_avg_pool1d(x, 3), ((2, 3, 8),)),
    ("adaptive_max_pool2d", lambda lib, x: F(lib).adaptive_max_pool2d(x, (3, 4), True), (IMAGE,)),
    ("adaptive_max_pool1d", lambda lib, x: F(lib).adaptive_max_pool1d(x, 3, True), ((2, 3, 8),)),
    *[("pad", lambda lib, x, m=m: F(lib).pad(x, (1, 1, 1, 0), m), ((2, 3, 1, 1),)) for m in ("constant", "replicate", "circular")],
    *[("pad", lambda lib, x, p=p, m=m: F(lib).pad(x, p, m), (IMAGE,)) for p, m in [
        ((1, 2, 3, 0), "constant"), ((-1, 2, 0, -3), "constant"), ((2, 1, 3, 4), "reflect"), ((2, 1, 3, 4), "replicate"),
        ((2, 6, 7, 1), "circular")]],
    ("pad value", lambda lib, x: F(lib).pad(input=x, pad=(1, 0, 0, 2, 1, 1), mode="constant", value=-1.5), (IMAGE,)),
    ("batch_norm", lambda lib, x, w, b: F(lib).batch_norm(x, None, None, w, b, True), (IMAGE, (4,), (4,))),
    ("batch_norm eval", lambda lib, x, w, b: F(lib).batch_norm(x, like(lib, WEIGHTS, x), like(lib, WEIGHTS, x), w, b, False, 0.1, 1e-3), (ROWS, (4,), (4,))),
    ("layer_norm", lambda lib, x, w, b: F(lib).layer_norm(x, (7, 6), w, b, 1e-3), (IMAGE, (7, 6), (7, 6))),
    ("group_norm", lambda lib, x, w, b: F(lib).group_norm(x, 2, w, b), (IMAGE, (4,), (4,))),
    ("group_norm rows", lambda lib, x: F(lib).group_norm(x, 2), (ROWS,)),
    ("instance_norm", lambda lib, x, w, b: F(lib).instance_norm(x, weight=w, bias=b), (IMAGE, (4,), (4,))),
    ("local_response_norm", lambda lib, x: F(lib).local_response_norm(x, 4, 0.5, 0.6, 2.0), (IMAGE,)),
    ("local_response_norm 3", lambda lib, x: F(lib).local_response_norm(x, 3), (CUBE,)),
    *[(name, lambda lib, x, name=name: getattr(F(lib), name)(x), (ROWS,)) for name in (
        "relu", "relu6", "selu", "sigmoid", "logsigmoid", "tanh", "silu", "hardsigmoid", "hardswish", "mish", "softplus", "gelu",
        "elu", "leaky_relu", "hardtanh", "normalize")],
    ("relu inplace", lambda lib, x: F(lib).relu(x * 1, inplace=True), (ROWS,)), ("elu", lambda lib, x: F(lib).elu(x, 0.3), (ROWS,)),
    ("gelu tanh", lambda lib, x: F(lib).gelu(x, approximate="tanh"), (ROWS,)), ("leaky_relu", lambda lib, x: F(lib).leaky_relu(x, -0.2), (ROWS,)),
    ("prelu", lambda lib, x, a: F(lib).prelu(x, a), (IMAGE, (4,))), ("prelu 1", lambda lib, x, a: F(lib).prelu(x, a), (VECTOR, (1,))),
    ("softplus", lambda lib, x: F(lib).softplus(20 * x, 0.5, 3.0), (ROWS,)), ("hardtanh", lambda lib, x: F(lib).hardtanh(x, -0.2, 0.4), (ROWS,)),
    ("softmax", lambda lib, x: F(lib).softmax(x, 1), (CUBE,)), ("log_softmax", lambda lib, x: F(lib).log_softmax(30 * x, dim=0), (CUBE,)),
    ("normalize", lambda lib, x: F(lib).normalize(x, 3.0, -1), (CUBE,)), ("normalize inf", lambda lib, x: F(lib).normalize(x, float("inf"), 0), (CUBE,)),
    ("cosine_similarity", lambda lib, x, y: F(lib).cosine_similarity(x, y, 2), (CUBE, CUBE)),
    ("cosine_similarity broadcast", lambda lib, x, y: F(lib).cosine_similarity(x, y, -1), (CUBE, (4,))),
    *[("cross_entropy", lambda lib, x, k=k, w=w: F(lib).cross_entropy(x, ints(lib, LABELS), like(lib, WEIGHTS, x) if w else None, **k), (ROWS,))
      for w in (False, True) for k in ({}, dict(label_smoothing=0.2), dict(ignore_index=3), dict(ignore_index=3, label_smoothing=0.3),
                                       dict(reduction="sum"), dict(reduction="none", label_smoothing=0.1, ignore_index=0))],
    ("cross_entropy dense", lambda lib, x: F(lib).cross_entropy(x, ints(lib, DENSE), label_smoothing=0.1), ((2, 4, 3),)),
    ("cross_entropy one", lambda lib, x: F(lib).cross_entropy(x, ints(lib, 2)), ((4,),)),
    ("cross_entropy soft", lambda lib, x, t: F(lib).cross_entropy(x, F(lib).softmax(t, 1), like(lib, WEIGHTS, x), label_smoothing=0.2), (ROWS, ROWS)),
    ("cross_entropy soft dense", lambda lib, x, t: F(lib).cross_entropy(x, F(lib).softmax(t, 1), reduction="none"), ((2, 4, 3), (2, 4, 3))),
    ("nll_loss", lambda lib, x: F(lib).nll_loss(x, ints(lib, DENSE), like(lib, WEIGHTS, x)), ((2, 4, 3),)),
    ("nll_loss one", lambda lib, x: F(lib).nll_loss(x, ints(lib, 2), like(lib, WEIGHTS, x)), ((4,),)),
    ("nll_loss none", lambda lib, x: F(lib).nll_loss(x, ints(lib, DENSE), like(lib, WEIGHTS, x), reduction="none"), ((2, 4, 3),)),
    *[(name, lambda lib, x, t, name=name, r=r: getattr(F(lib), name)(x, t, reduction=r), (CUBE, CUBE))
      for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits") for r in ("mean", "sum", "none")],
    ("smooth_l1_loss", lambda lib, x, t: F(lib).smooth_l1_loss(x, t, beta=0.3), (CUBE, CUBE)),
    ("huber_loss", lambda lib, x, t: F(lib).huber_loss(x, t, delta=0.3), (CUBE, CUBE)),
    ("binary_cross_entropy", lambda lib, x, t: F(lib).binary_cross_entropy(lib.sigmoid(x), lib.sigmoid(t), like(lib, WEIGHTS, x)), (CUBE, CUBE)),
    ("binary_cross_entropy_with_logits", lambda lib, x, t: F(lib).binary_cross_entropy_with_logits(
        9 * x, t, like(lib, WEIGHTS, x), pos_weight=like(lib, WEIGHTS, x)), (CUBE, CUBE)),
    ("kl_div", lambda lib, x, t: F(lib).kl_div(x, F(lib).softmax(t, 1), reduction="batchmean"), (ROWS, ROWS)),
    ("kl_div log", lambda lib, x, t: F(lib).kl_div(x, t, reduction="none", log_target=True), (ROWS, ROWS)),
    *[("interpolate", lambda lib, x, k=k: F(lib).interpolate(x, **k), (IMAGE,)) for k in (
        dict(size=(9, 4)), dict(scale_factor=1.5), dict(scale_factor=(0.6, 2.3)), dict(size=5, mode="bilinear", align_corners=True),
        dict(scale_factor=(1.7, 0.8), mode="bilinear"), dict(size=(1, 1), mode="bilinear", align_corners=True), dict(size=(3, 13), mode="bilinear"))],
    *[("affine_grid", lambda lib, t, a=a: F(lib).affine_grid(t, (2, 3, 5, 2), align_corners=a), ((2, 2, 3),)) for a in (True, False)],
    *[("grid_sample", lambda lib, x, g, m=m, p=p, a=a: F(lib).grid_sample(x, 1.4 * g, m, p, a), (IMAGE, (2, 5, 3, 2)))
      for m in ("bilinear", "nearest") for p in ("zeros", "border", "reflection") for a in (True, False)],
    ("pixel_shuffle", lambda lib, x: F(lib).pixel_shuffle(x, 2), (IMAGE,)), ("pixel_unshuffle", lambda lib, x: F(lib).pixel_unshuffle(x, 3), ((1, 2, 6, 9),)),
    ("attention", lambda lib, q, k, v: F(lib).scaled_dot_product_attention(q, k, v), ((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 2))),
    ("attention causal", lambda lib, q, k, v: F(lib).scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3), ((4, 5), (4, 5), (4, 2))),
    ("attention mask", lambda lib, q, k, v: F(lib).scaled_dot_product_attention(q, k, v, ints(lib, np.tri(4, 6, 1, dtype=bool))), ((2, 4, 5), (2, 6, 5), (2, 6, 2))),
    ("attention added", lambda lib, q, k, v, m: F(lib).scaled_dot_product_attention(q, k, v, m), ((2, 4, 5), (2, 6, 5), (2, 6, 2), (4, 6))),
]
METHODS = [  # (what, shapes of the tensors)
    *[(f"{name}()", lambda lib, x, name=name: getattr(x, name)(), (CUBE,)) for name in (
        "sum", "mean", "var", "std", "max", "min", "amax", "amin", "prod", "norm", "exp", "expm1", "sin", "cos", "tan", "tanh", "sigmoid",
        "erf", "square", "reciprocal", "sign", "floor", "ceil", "round", "relu", "abs", "neg", "argmax", "argmin", "flatten", "squeeze",
        "clone", "detach", "double", "float", "long", "isnan", "isfinite", "any", "all", "sort", "argsort")],
    *[(name, lambda lib, x, name=name: getattr(lib, name)(x.abs() + 0.1), (CUBE,)) for name in ("log", "log1p", "log2", "sqrt", "rsqrt")],
    *[(f"{name}(dim)", lambda lib, x, name=name, d=d: getattr(x, name)(dim=d, keepdim=True), (CUBE,))
      for name in ("sum", "mean", "amax", "amin", "logsumexp", "std", "var") for d in (1, -1, (0, 2))],
    *[(f"{name}(dim)", lambda lib, x, name=name: getattr(x, name)(-2, keepdim=True), (CUBE,)) for name in ("max", "min", "prod", "any", "all", "argmax")],
    ("var(correction)", lambda lib, x: x.var(1, correction=0), (CUBE,)), ("var(unbiased)", lambda lib, x: x.var(1, unbiased=False), (CUBE,)),
    ("std(unbiased)", lambda lib, x: x.std(unbiased=False), (CUBE,)), ("var positional", lambda lib, x: x.var(1, False, True), (CUBE,)),
    ("norm(p)", lambda lib, x: x.norm(3, dim=1), (CUBE,)), ("norm(1)", lambda lib, x: x.norm(1), (CUBE,)),
    ("cumsum", lambda lib, x: x.cumsum(dim=1), (CUBE,)), ("topk", lambda lib, x: x.topk(2, dim=1, largest=False), (CUBE,)),
    ("sort", lambda lib, x: x.sort(0, descending=True), (CUBE,)), ("sort of a vector", lambda lib, x: x[1, 0].sort(), (CUBE,)),
    ("sort of a scalar", lambda lib, x: x[1, 0, 1].sort(), (CUBE,)), ("argsort of a scalar", lambda lib, x: x[1, 0, 1].argsort(), (CUBE,)),
    ("topk of none", lambda lib, x: x.topk(0, 1), (CUBE,)),
    ("argsort of a vector", lambda lib, x: x[1, 0].argsort(), (CUBE,)), ("gather", lambda lib, x: x.gather(1, ints(lib, [[[0], [2]], [[1], [1]]])), (CUBE,)),
    ("gather from some rows", lambda lib, x: x.gather(1, ints(lib, [[2, 0]])), (ROWS,)),
    ("clamp", lambda lib, x: x.clamp(min=-0.2, max=0.5), (CUBE,)), ("clamp tensor", lambda lib, x, y: x.clamp(max=y), (CUBE, (4,))),
    ("maximum", lambda lib, x, y: lib.maximum(x, y), (CUBE, (4,))), ("minimum", lambda lib, x, y: x.minimum(y), (CUBE, (3, 1))),
    ("where", lambda lib, x, y: lib.where(x > y, x, y * 2), (CUBE, (3, 1))), ("masked_fill", lambda lib, x: x.masked_fill(x < 0, 7.0), (CUBE,)),
    ("cat", lambda lib, x, y: lib.cat([x, y, x], dim=-1), (CUBE, (2, 3, 1))), ("stack", lambda lib, x, y: lib.stack((x, y), -1), (CUBE, CUBE)),
    ("split", lambda lib, x: x.split([1, 3], -1), (CUBE,)), ("split 3", lambda lib, x: lib.split(x, 3, 2), (CUBE,)), ("chunk", lambda lib, x: x.chunk(3, dim=2), (CUBE,)),
    ("flip", lambda lib, x: x.flip(0, 2), (CUBE,)), ("roll", lambda lib, x: x.roll((1, -2), (0, 2)), (CUBE,)), ("roll flat", lambda lib, x: x.roll(5), (CUBE,)),
    ("view", lambda lib, x: x.view(-1, 4), (CUBE,)), ("reshape", lambda lib, x: x.reshape((3, 8)), (CUBE,)), ("permute", lambda lib, x: x.permute(2, 0, 1), (CUBE,)),
    ("transpose", lambda lib, x: x.transpose(0, -1), (CUBE,)), ("flatten", lambda lib, x: x.flatten(1), (CUBE,)), ("unsqueeze", lambda lib, x: x.unsqueeze(-1), (CUBE,)),
    ("squeeze", lambda lib, x: x.squeeze(1), ((2, 1, 3, 1),)), ("squeeze two", lambda lib, x: x.squeeze((1, 2)), ((2, 1, 3, 1),)),
    ("expand", lambda lib, x: x.expand(5, -1, 3), ((2, 1),)), ("repeat", lambda lib, x: x.repeat(2, 1, 3), ((2, 3),)), ("T", lambda lib, x: x.T, (ROWS,)),
    ("mT", lambda lib, x: x.mT, (CUBE,)), ("unbind", lambda lib, x: x.unbind(1), (CUBE,)), ("index_select", lambda lib, x: x.index_select(2, ints(lib, [3, 0, 3])), (CUBE,)),
    ("matmul", lambda lib, x, y: x @ y, (CUBE, (5, 1, 4, 2))), ("matmul vector", lambda lib, x, y: x.matmul(y), (CUBE, (4,))), ("vector matmul", lambda lib, x, y: x @ y, ((3,), CUBE)),
    ("einsum", lambda lib, x, y: lib.einsum("bij,kj->bki", x, y), (CUBE, ROWS)), ("einsum dots", lambda lib, x, y: lib.einsum("...ij,...kj->...ik", x, y), (CUBE, CUBE)),
    ("einsum implicit", lambda lib, x, y: lib.einsum("bij,kj", x, y), (CUBE, ROWS)), ("outer", lambda lib, x, y: lib.outer(x, y), (VECTOR, (3,))),
    ("pow", lambda lib, x, y: (x.abs() + 0.1) ** y, (CUBE, (4,))), ("rpow", lambda lib, x: 2.5**x, (CUBE,)), ("pow 3", lambda lib, x: x**3, (CUBE,)),
    ("pow -1", lambda lib, x: x**-1, (CUBE,)), ("div", lambda lib, x, y: x / y, (CUBE, (3, 1))), ("rdiv", lambda lib, x: 3 / x, (CUBE,)), ("rsub", lambda lib, x: 1 - x, (CUBE,)),
    ("index", lambda lib, x: x[1, :, ::2], (CUBE,)), ("index none", lambda lib, x: x[..., None, 1], (CUBE,)), ("index bool", lambda lib, x: x[x > 0], (CUBE,)),
    ("index rows", lambda lib, x: x[[0, 1, 0], [2, 2, 2]], (CUBE,)), ("index tensor", lambda lib, x: x[:, ints(lib, [[0, 2], [2, 2]])], (CUBE,)),
    ("index mixed", lambda lib, x: x[ints(lib, [0, 1]), :, ints(lib, [3, 3])], (CUBE,)), ("logsumexp", lambda lib, x: lib.logsumexp(40 * x, 1), (CUBE,)),
    ("softmax", lambda lib, x: x.softmax(-1), (CUBE,)), ("log_softmax", lambda lib, x: x.log_softmax(0), (CUBE,)), ("tril", lambda lib, x: lib.tril(x, -1), (CUBE,)),
    ("triu", lambda lib, x: lib.triu(x, 1), (CUBE,)), ("comparison", lambda lib, x, y: (x <= y) & ~(x == y), (CUBE, (4,))), ("type_as", lambda lib, x, y: x.type_as(y), (CUBE, (4,))),
    ("dot", lambda lib, x, y: x.dot(y), (VECTOR, VECTOR)), ("int / int", lambda lib, x: (x * 9).long() / 4, (CUBE,)), ("int + float", lambda lib, x: (x * 9).long() + 0.5, (CUBE,)),
    ("long sum", lambda lib, x: (x > 0).sum(1), (CUBE,)), ("numpy scalar", lambda lib, x: x * np.float64(0.1), (CUBE,)),
]
ALL = CASES + METHODS


def run(lib, f, arrays):
    """Results and gradients of f, as NumPy arrays."""
    xs = [lib.tensor(a.copy()) for a in arrays]
    for x in xs:
        x.requires_grad_()
    ys = f(lib, *xs)
    ys = list(ys) if isinstance(ys, (tuple, list)) else [ys]
    loss = 0
    for i, y in enumerate(ys):
        if y.requires_grad:
            g = np.random.default_rng(i).normal(size=tuple(y.shape))
            loss = loss + (y.double() * lib.tensor(g)).sum()
    if hasattr(loss, "backward"):
        loss.backward()
    return [y.detach().numpy() for y in ys], [None if x.grad is None else x.grad.numpy() for x in xs]


def agree(ours, theirs, relative):
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    scale = max(1.0, float(np.abs(theirs.astype(np.float64)).max(initial=0)))
    np.testing.assert_allclose(ours.astype(np.float64), theirs.astype(np.float64), rtol=relative, atol=relative * scale)


@pytest.mark.parametrize("dtype, relative", [(np.float64, 1e-7), (np.float32, 3e-4)], ids=["float64", "float32"])
@pytest.mark.parametrize("name, f, shapes", ALL, ids=[f"{c[0]}-{i}" for i, c in enumerate(ALL)])
def test_same_call_same_numbers(name, f, shapes, dtype, relative):
    rng = np.random.default_rng(len(name))
    arrays = [rng.normal(size=s).astype(dtype) for s in shapes]
    (values, grads), (values_there, grads_there) = run(mc, f, arrays), run(torch, f, arrays)
    assert len(values) == len(values_there)
    for ours, theirs in zip(values, values_there):
        agree(ours, theirs, relative)
    for ours, theirs in zip(grads, grads_there):
        assert (ours is None) == (theirs is None) or not np.any(theirs if ours is None else ours)
        if ours is not None and theirs is not None:
            agree(ours, theirs, relative)
