"""Looking into a model: sizes and costs."""

from .summary import Row, Summary, count_macs, count_parameters, summary

__all__ = ["Row", "Summary", "count_macs", "count_parameters", "summary"]
