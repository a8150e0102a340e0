"""Grids of trainings: run them, gather their results, compare them seed by seed."""

from .grid import Cell, Table, fingerprint, read_tables, resolve, row_title, shard
from .outcome import Outcome
from .paired_tests import PairedComparison, compare_paired, paired_t, sign_flip
from .report import markdown, plot
from .results import read_label_score, read_scores
from .runs import RunFailedError, Runs
from .source_digest import source_digest
from .summary import RowSummary, as_json, comparisons

__all__ = [
    'Cell',
    'Outcome',
    'PairedComparison',
    'RowSummary',
    'RunFailedError',
    'Runs',
    'Table',
    'as_json',
    'compare_paired',
    'comparisons',
    'fingerprint',
    'markdown',
    'paired_t',
    'plot',
    'read_label_score',
    'read_scores',
    'read_tables',
    'resolve',
    'row_title',
    'shard',
    'sign_flip',
    'source_digest',
]
