"""Arrays in, arrays out, no gradients: the loops that everything else is made of."""

from .conv import conv2d, conv2d_input, conv2d_weight
from .im2col import col2im, im2col, output_size
from .pool import adaptive_windows, avg_pool2d, avg_pool2d_adjoint, max_pool2d, pick, pooled_size, spread, window_counts

__all__ = [
    "conv2d", "conv2d_input", "conv2d_weight", "col2im", "im2col", "output_size", "adaptive_windows", "avg_pool2d",
    "avg_pool2d_adjoint", "max_pool2d", "pick", "pooled_size", "spread", "window_counts",
]
