"""Child registries of MMEngine's, scope ``dynamix``.

A type is looked up here first, then in MMEngine; ``mmpretrain.X`` and ``mmcv``'s
transforms are reached by scope. ``locations`` lets a config build a type without
importing its module by hand.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

DATASETS = Registry(
    'dataset', parent=MMENGINE_DATASETS, scope='dynamix', locations=['dynamix.datasets']
)
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=MMENGINE_DATA_SAMPLERS,
    scope='dynamix',
    locations=['dynamix.datasets.samplers'],
)
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    scope='dynamix',
    locations=['dynamix.datasets.transforms'],
)
MODELS = Registry(
    'model', parent=MMENGINE_MODELS, scope='dynamix', locations=['dynamix.models']
)
HOOKS = Registry(
    'hook', parent=MMENGINE_HOOKS, scope='dynamix', locations=['dynamix.engine']
)
METRICS = Registry(
    'metric', parent=MMENGINE_METRICS, scope='dynamix', locations=['dynamix.evaluation']
)
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper',
    parent=MMENGINE_OPTIM_WRAPPERS,
    scope='dynamix',
    locations=['dynamix.engine'],
)
