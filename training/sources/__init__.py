"""Reads a customer's files into ``recsys.schema.Tables``: any of the usual formats, mapped by the config."""

from training.sources.config import SourcesConfig
from training.sources.read import read_tables
from training.sources.rejects import ReadSummary

__all__ = ["ReadSummary", "SourcesConfig", "read_tables"]
