"""Looking into a model: sizes, costs, pictures."""

from . import plots
from .summary import Row, Summary, count_macs, count_parameters, summary

__all__ = ["Row", "Summary", "count_macs", "count_parameters", "plots", "summary"]
