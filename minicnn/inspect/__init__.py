"""Looking into a model: sizes, costs, pictures."""

from . import plots
from .activation import class_activation
from .receptive import receptive_field, windows
from .summary import Row, Summary, count_macs, count_parameters, summary

__all__ = ["Row", "Summary", "class_activation", "count_macs", "count_parameters", "plots", "receptive_field", "summary", "windows"]
