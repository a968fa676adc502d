"""Arrays in, arrays out, no gradients: the loops that everything else is made of."""

from . import (  # noqa: F401  (they register themselves as twins)
    channel_norm_cuda,
    conv_cuda,
    conv_depthwise_cuda,
    im2col_cuda,
    pool_cuda,
    rows_cuda,
)
from .im2col import col2im, im2col, output_size
from .plan import algorithms, conv2d, conv2d_input, conv2d_weight, force, plan
from .pool import (
    adaptive_windows,
    avg_pool2d,
    avg_pool2d_adjoint,
    max_pool2d,
    max_pool2d_values,
    pick,
    pooled_size,
    spread,
    spread_windows,
    window_counts,
)
from .threads import get_num_threads, parallel_for, set_num_threads

__all__ = [
    "conv2d", "conv2d_input", "conv2d_weight", "algorithms", "force", "plan", "col2im", "im2col", "output_size",
    "adaptive_windows", "avg_pool2d", "avg_pool2d_adjoint", "max_pool2d", "max_pool2d_values", "pick", "pooled_size", "spread",
    "spread_windows", "window_counts",
    "get_num_threads", "parallel_for", "set_num_threads",
]
