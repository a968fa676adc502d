"""Parameter: a leaf tensor that a module finds among its attributes and an optimizer updates."""

from ..tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A tensor that requires a gradient and registers itself with the module it is assigned to; copies its data."""

    def __init__(self, data, requires_grad=True):
        super().__init__(data, requires_grad=requires_grad)

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()
