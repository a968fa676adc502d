"""Every primitive with its vjp rules right beneath it, one file a family; here are their names together."""

from . import elementwise, linalg, reduce, shape

__all__ = ["elementwise", "linalg", "reduce", "shape"]
