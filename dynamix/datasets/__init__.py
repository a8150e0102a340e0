"""Data sets: readers, the image table they build, the mixed training set, targets."""

from .image_table import ImageTable
from .image_table_builder import ImageTableBuilder
from .labelled_folder import LabelledFolder
from .large_labelled import (
    CIONAL,
    SYNTHPEDES,
    ClonedPerson,
    PersonX,
    RandPerson,
    UnrealPerson,
)
from .mixed_dataset import MixedDataset, SourceSpan
from .multi_camera import (
    CUHK02,
    CUHK03NP,
    CUHKSYSU,
    LPW,
    MSMT17,
    DukeMTMC,
    Market1501,
    OccludedDuke,
    OccludedREID,
    VeRi776,
)
from .reid_dataset import ReIDDataset
from .sample_key import SampleKey, seeded
from .single_camera import MARS, LUPerson, LUPersonNL
from .small_targets import CUHK01, GRID, ILIDS, PRID2011, RandomHalves, VIPeR
from .synthetic import SyntheticPedestrians
from .table_dataset import TableDataset
from .target_dataset import TargetDataset
from .tracklet_folder import TrackletFolder

__all__ = [
    'CIONAL',
    'SYNTHPEDES',
    'ClonedPerson',
    'PersonX',
    'RandPerson',
    'UnrealPerson',
    'LPW',
    'OccludedDuke',
    'OccludedREID',
    'VeRi776',
    'LUPerson',
    'CUHK01',
    'CUHK02',
    'CUHK03NP',
    'CUHKSYSU',
    'GRID',
    'ILIDS',
    'MARS',
    'MSMT17',
    'PRID2011',
    'DukeMTMC',
    'ImageTable',
    'ImageTableBuilder',
    'LUPersonNL',
    'LabelledFolder',
    'Market1501',
    'MixedDataset',
    'RandomHalves',
    'ReIDDataset',
    'SampleKey',
    'SourceSpan',
    'SyntheticPedestrians',
    'TableDataset',
    'TargetDataset',
    'TrackletFolder',
    'VIPeR',
    'seeded',
]
