"""The few exceptions that minicnn raises on purpose, each with a message that says what to do next."""

__all__ = ["MinicnnError", "InputError", "GraphError", "AnomalyError", "DeviceError", "DataError"]


class MinicnnError(Exception):
    """Base class: `except minicnn.MinicnnError` catches everything that minicnn raises itself."""


class InputError(MinicnnError, ValueError, TypeError):
    """A bad argument: names the function, the argument, what was expected and what came.

    It is a ValueError and a TypeError at once, so that code written for either catches it.

    >>> raise InputError("conv2d", "stride", "a positive int or a pair of them", 0)
    InputError: conv2d: stride must be a positive int or a pair of them, got 0
    """

    def __init__(self, function, argument, expected, got, hint=""):
        self.function, self.argument, self.expected, self.got, self.hint = function, argument, expected, got, hint
        text = f"{function}: {argument} must be {expected}, got {got}"
        super().__init__(text + (f". {hint}" if hint else ""))

    def __reduce__(self):  # an exception crosses a process border by its five parts, not by its message
        return type(self), (self.function, self.argument, self.expected, self.got, self.hint)


class GraphError(MinicnnError, RuntimeError):
    """The recorded graph cannot give a right gradient: freed, mutated, or never recorded."""


class AnomalyError(MinicnnError, FloatingPointError):
    """Under `detect_anomaly()`: an operation made a NaN or an Inf."""


class DeviceError(MinicnnError, RuntimeError):
    """A device that is not there, or arrays of two devices in one operation."""


class DataError(MinicnnError, OSError):
    """A data or weight file that is missing, damaged or not what it says it is; names the path."""
