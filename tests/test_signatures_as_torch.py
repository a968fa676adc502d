"""Names, argument names, their order and their defaults are PyTorch's, so that the same call means the same.

An argument that PyTorch has and minicnn does not is listed here; passing it is a TypeError. What could be given by
position must stand at PyTorch's position, so that no value lands silently in another argument.
"""

import ast
import inspect
import re

import pytest

import minicnn as mc
from minicnn import data, functions, nn, optim
from minicnn.autograd import Primitive
from minicnn.nn import functional as F

torch = pytest.importorskip("torch", reason="second opinion")

EMPTY = inspect.Parameter.empty
# What PyTorch has besides: how it computes (foreach, fused), old names (size_average), and features that no chapter needs.
COMMON = {"out", "device", "dtype", "memory_format", "requires_grad", "pin_memory", "layout"}
LOSSES = {"size_average", "reduce"}
OPTIM = {"foreach", "fused", "capturable", "differentiable"}
OMITTED = {
    "F.softmax": {"_stacklevel"}, "F.log_softmax": {"_stacklevel"}, "F.interpolate": {"recompute_scale_factor", "antialias"},
    "F.upsample": set(), "F.embedding": {"max_norm", "norm_type", "scale_grad_by_freq", "sparse"},
    "F.scaled_dot_product_attention": {"enable_gqa"}, "F.mse_loss": {"weight"}, "F.l1_loss": {"weight"}, "F.huber_loss": {"weight"},
    "nn.MultiheadAttention": {"add_bias_kv", "add_zero_attn", "kdim", "vdim"}, "nn.Upsample": {"recompute_scale_factor"},
    "nn.Embedding": {"max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_weight", "_freeze"},
    "nn.BatchNorm1d": {"bias"}, "nn.BatchNorm2d": {"bias"}, "nn.GroupNorm": {"bias"}, "nn.InstanceNorm1d": {"bias"},
    "nn.InstanceNorm2d": {"bias"},
    "Module.named_parameters": {"remove_duplicate"}, "Module.named_buffers": {"remove_duplicate"},
    "Module.modules": {"remove_duplicate"}, "Module.named_modules": {"remove_duplicate"},
    "Module.load_state_dict": {"assign"}, "Module.cuda": set(),
    "Module.register_forward_hook": {"prepend", "with_kwargs", "always_call"},
    "Module.register_forward_pre_hook": {"prepend", "with_kwargs"}, "Module.register_full_backward_hook": {"prepend"},
    "data.DataLoader": {
        "timeout", "worker_init_fn", "multiprocessing_context", "persistent_workers", "pin_memory_device", "in_order"},
    "sched": {"verbose"}, "T.sum": {"dtype"}, "T.topk": {"sorted"},
    "utils.clip_grad_norm_": {"foreach"}, "utils.clip_grad_value_": {"foreach"},
    "T.argsort": {"stable"}, "T.sort": {"stable"}, "T.numpy": {"force"}, "nn.Hardtanh": {"min_value", "max_value"},
}
# What minicnn has besides: by keyword only.
ADDED = {"F.dropout": {"generator"}, "F.dropout2d": {"generator"}, "F.batch_norm": {"relu"},
         "data.DataLoader": {"device"}, "T.var": {"unbiased"}, "T.std": {"unbiased"}}
# Names that torch's documentation gives and its code does not take.
SPELT = {"F.one_hot": {"tensor": "input"}, "T.matmul": {"tensor2": "other"}}
# Defaults that differ in form, not in meaning.
SAME = {"data.random_split": {"generator"}, "data.DataLoader": {"prefetch_factor"}, "nn.ModuleList": {"modules"},
        "nn.ParameterList": {"values"}, "T.topk": {"dim"}, "data.DistributedSampler": {"num_replicas", "rank"}}


def from_docs(text):
    """The parameters that the documentation of a built-in function spells out, as (name, default, by position?), or None."""
    inside = re.search(r"^\s*\w+\((.*?)\)\s*(->|$)", text, re.MULTILINE | re.DOTALL)
    if inside is None:
        return None
    found, free = [], True
    for part in re.split(r",\s*(?![^(]*\))", inside.group(1)):
        name, _, default = (piece.strip() for piece in part.partition("="))
        if name == "*":
            free = False
        elif name and not name.startswith("*"):
            try:
                found.append((name, ast.literal_eval(default) if default else EMPTY, free))
            except (ValueError, SyntaxError):
                found.append((name, default, free))
    return found


def parameters(f):
    """(name, default, by position?) of each parameter; None if f takes anything (*args)."""
    try:
        listed = list(inspect.signature(f).parameters.values())
    except (ValueError, TypeError):
        return from_docs(f.__doc__) if f.__doc__ else None
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in listed):
        return None
    return [(p.name, p.default, p.kind != p.KEYWORD_ONLY) for p in listed if p.name != "self"]


def check(label, ours, theirs):
    """Every difference that is neither listed nor harmless, as readable lines."""
    a, b = parameters(ours), parameters(theirs)
    if b is None and theirs.__doc__:
        b = from_docs(theirs.__doc__)
    if a is None or b is None:
        return
    if isinstance(ours, Primitive):
        a = a[1:]  # as a method, its first array is the tensor
    b = [(SPELT.get(label, {}).get(name, name), default, free) for name, default, free in b]
    omitted = COMMON | OMITTED.get(label, set()) | OMITTED.get(label.partition(".")[0], set())
    omitted |= OPTIM if label.startswith("optim.") else LOSSES
    there = {name: (place, default) for place, (name, default, _) in enumerate(b)}
    for name in there.keys() - {n for n, _, _ in a} - omitted:
        yield f"{label}: {name} is missing"
    for place, (name, default, free) in enumerate(a):
        if name not in there:
            if name not in ADDED.get(label, ()) and name not in COMMON | {"generator"}:
                yield f"{label}: torch has no {name}"
            if free:
                yield f"{label}: {name}, which torch lacks, can be given by position"
            continue
        if free and place != there[name][0]:
            yield f"{label}: {name} is number {place}, in torch {there[name][0]}"
        if default != there[name][1] and name not in SAME.get(label, ()) and (default is EMPTY or there[name][1] is not EMPTY):
            yield f"{label}: {name} defaults to {default!r}, in torch {there[name][1]!r}"


def pairs():
    for name in F.__all__:
        yield f"F.{name}", getattr(F, name), getattr(torch.nn.functional, name, None)
    for name in nn.__all__:
        if inspect.isclass(getattr(nn, name)) and name not in ("Module", "Parameter", "Sequential", "ModuleDict"):
            yield f"nn.{name}", getattr(nn, name).__init__, getattr(torch.nn, name).__init__
    for name in nn.init.__all__:
        if name != "no_init":
            yield f"init.{name}", getattr(nn.init, name), getattr(torch.nn.init, name)
    for name in nn.utils.__all__:
        yield f"utils.{name}", getattr(nn.utils, name), getattr(torch.nn.utils, name)
    for name in MODULE:
        yield f"Module.{name}", getattr(nn.Module, name), getattr(torch.nn.Module, name)
    for name in OPTIMIZERS:
        yield f"optim.{name}", getattr(optim, name).__init__, getattr(torch.optim, name).__init__
    for name in SCHEDULES:
        yield f"sched.{name}", getattr(optim.lr_scheduler, name).__init__, getattr(torch.optim.lr_scheduler, name).__init__
    for name in DATA:
        there = getattr(torch.utils.data, name, None) or getattr(torch.utils.data.distributed, name)
        here = getattr(data, name)
        yield f"data.{name}", *((here.__init__, there.__init__) if inspect.isclass(here) else (here, there))
    for name in METHODS:
        yield f"T.{name}", getattr(mc.Tensor, name), getattr(torch.Tensor, name)
    for name in ("cat", "stack"):
        yield f"torch.{name}", getattr(mc, name), getattr(torch, name)


# The surface that is promised; the lists of functions and layers are in __all__.
TENSOR = """tensor zeros ones full arange randn manual_seed cat stack where no_grad enable_grad is_grad_enabled""".split()
METHODS = """backward detach clone numpy item to float double reshape view permute transpose flatten unsqueeze squeeze
expand sum mean var std max min argmax exp log clamp matmul retain_grad register_hook sort topk gather
cumsum softmax log_softmax logsumexp split chunk roll index_select argsort masked_fill unbind all any amax amin argmin prod
clip requires_grad_ round size""".split()
ATTRIBUTES = "shape dtype device grad requires_grad is_leaf grad_fn T mT data".split()
LAYERS = """Module Parameter Sequential ModuleList ModuleDict Identity Linear Conv1d Conv2d ConvTranspose2d MaxPool2d
AvgPool2d AdaptiveAvgPool2d AdaptiveMaxPool2d BatchNorm1d BatchNorm2d LayerNorm GroupNorm LocalResponseNorm
Dropout Dropout2d Flatten Upsample PixelShuffle ReLU LeakyReLU PReLU Sigmoid Tanh GELU SiLU Softmax
LogSoftmax MultiheadAttention CrossEntropyLoss NLLLoss MSELoss BCEWithLogitsLoss KLDivLoss""".split()
FUNCTIONS = """conv1d conv2d conv_transpose2d unfold fold max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d
batch_norm layer_norm group_norm instance_norm local_response_norm dropout dropout2d relu leaky_relu prelu
elu silu softplus hardtanh sigmoid tanh gelu cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss
binary_cross_entropy_with_logits kl_div interpolate affine_grid grid_sample one_hot normalize
scaled_dot_product_attention pad softmax log_softmax linear pixel_shuffle""".split()
MODULE = """parameters named_parameters buffers named_modules children train eval apply to zero_grad state_dict
load_state_dict register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
requires_grad_ extra_repr modules named_buffers named_children register_parameter add_module get_submodule
get_parameter""".split()
INIT = """kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_ trunc_normal_ orthogonal_ constant_ zeros_
ones_ calculate_gain""".split()
UTILS = "clip_grad_norm_ clip_grad_value_ parameters_to_vector".split()
OPTIMIZERS = "SGD Adam AdamW RMSprop Adagrad".split()
SCHEDULES = """StepLR MultiStepLR ExponentialLR CosineAnnealingLR LinearLR LambdaLR SequentialLR OneCycleLR
ReduceLROnPlateau""".split()
DATA = """Dataset TensorDataset Subset ConcatDataset random_split Sampler RandomSampler BatchSampler
DistributedSampler DataLoader default_collate""".split()
TRANSFORMS = """Compose ToImage ToDtype ToTensor Normalize Resize CenterCrop RandomCrop RandomResizedCrop
RandomHorizontalFlip ColorJitter RandomRotation RandomAffine RandomErasing MixUp CutMix Lambda PCALighting""".split()


@pytest.mark.parametrize("owner, names", [
    (mc, TENSOR), (mc.Tensor, METHODS + ATTRIBUTES), (nn, LAYERS), (F, FUNCTIONS), (nn.Module, MODULE), (nn.init, INIT),
    (nn.utils, UTILS), (optim, [*OPTIMIZERS, "LARS"]), (optim.lr_scheduler, [*SCHEDULES, "GradualWarmup"]), (data, DATA),
    (data.transforms, TRANSFORMS)],
    ids="top Tensor nn functional Module init utils optim schedules data transforms".split())
def test_the_promised_names_are_there(owner, names):
    assert [name for name in names if not hasattr(owner, name)] == []


@pytest.mark.parametrize("label, ours, theirs", list(pairs()), ids=[p[0] for p in pairs()])
def test_signature(label, ours, theirs):
    assert theirs is not None, f"torch has no {label}"
    assert list(check(label, ours, theirs)) == []


@pytest.mark.parametrize("name", [name for name in functions.__all__ if hasattr(mc.Tensor, name)])
def test_function_and_method_of_one_name_have_the_same_defaults(name):
    function, method = (list(inspect.signature(getattr(owner, name)).parameters.values()) for owner in (functions, mc.Tensor))
    assert [p.default for p in function] == [p.default for p in method]


def test_the_comparison_sees_a_difference():
    """The check is no formality: a wrong name, place or default is reported."""
    def there(input, p=0.5, training=True): ...
    def renamed(x, p=0.5, training=True): ...
    def swapped(input, training=True, p=0.5): ...
    def other(input, p=0.4, training=True): ...
    for ours, word in ((renamed, "missing"), (swapped, "number"), (other, "defaults")):
        assert any(word in line for line in check("F.x", ours, there))
    assert list(check("F.x", there, there)) == []


def test_state_dict_takes_no_positional_arguments_that_are_ignored():
    with pytest.raises(TypeError):
        nn.Linear(2, 3).state_dict({})
