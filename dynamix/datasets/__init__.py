from .image_table import ImageTable
from .image_table_builder import ImageTableBuilder
from .mixed_dataset import MixedDataset, SourceSpan
from .reid_dataset import ReIDDataset
from .sample_key import SampleKey, seeded

__all__ = [
    'ImageTable',
    'ImageTableBuilder',
    'MixedDataset',
    'ReIDDataset',
    'SampleKey',
    'SourceSpan',
    'seeded',
]
