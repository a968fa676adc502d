"""GELU in float32: y = x Phi(x) and its slope, Phi the normal distribution function (Hendrycks, Gimpel 2016).

Phi(x) = (1 + tanh(x P(x^2))) / 2 is exact for some function P, which is smooth and nearly constant: a polynomial of degree 6
gives Phi to 6e-8, the rounding of float32. NumPy has vector code for tanh, not for erf, whose usual rational form takes twice
as many passes. The coefficients were fitted by least squares, reweighted until the largest error was least.
"""

import numpy as np

from . import pointwise
from .conv_chunks import scratch

__all__ = ["applies", "gelu", "gelu_slope"]

P = [np.float32(c) for c in (0.797884941, 0.0363330844, -3.25947074e-05, -5.53063344e-05, 3.96477673e-06, -1.32266591e-07,
                             1.75628688e-09)]
FAR = 5.4**2  # x^2 from which Phi is 0 or 1 in float32; the polynomial is only good below
ONE, HALF = np.float32(1), np.float32(0.5)
_far = np.full(pointwise.CHUNK, FAR, np.float32)  # an array: beside a number NumPy's `minimum` has no vector code


def applies(*arrays):
    """True for arrays on the host in float32, all of one shape."""
    return all(type(a) is np.ndarray and a.dtype == np.float32 and a.shape == arrays[0].shape for a in arrays)


def _twice_cdf(x, square, out):
    """out = 2 Phi(x) = 1 + tanh(x P(x^2)), given a vector x and its squares, which are overwritten."""
    np.minimum(square, _far[: x.size], out=square)
    np.multiply(square, P[-1], out=out)
    for c in P[-2:0:-1]:
        np.add(out, c, out=out)
        np.multiply(out, square, out=out)
    np.add(out, P[0], out=out)
    np.multiply(out, x, out=out)
    np.tanh(out, out=out)
    np.add(out, ONE, out=out)


def _gelu(y, x):
    square = scratch("normal square", x.shape, x.dtype)
    np.multiply(x, x, out=square)
    _twice_cdf(x, square, y)
    np.multiply(y, x, out=y)
    np.multiply(y, HALF, out=y)


def _slope(y, g, x):
    """y = g (Phi(x) + x phi(x)), phi(x) = exp(-x^2 / 2) / sqrt(2 pi)."""
    square, density = scratch("normal square", x.shape, x.dtype), scratch("normal density", x.shape, x.dtype)
    np.multiply(x, x, out=square)
    np.multiply(square, -HALF, out=density)
    np.exp(density, out=density)
    np.multiply(density, np.float32(0.7978845608), out=density)  # 2 / sqrt(2 pi): everything is doubled until the end
    np.multiply(density, x, out=density)
    cdf = scratch("normal cdf", x.shape, x.dtype)
    _twice_cdf(x, square, cdf)
    np.add(cdf, density, out=cdf)
    np.multiply(cdf, HALF, out=cdf)
    np.multiply(cdf, g, out=y)


def gelu(x):
    """x Phi(x)."""
    return pointwise.filled(_gelu, x)


def gelu_slope(g, x):
    """g times the derivative of x Phi(x)."""
    return pointwise.filled(_slope, g, x)
