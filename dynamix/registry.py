"""Child registries of MMEngine's, scope ``dynamix``.

A type is looked up here first, then in MMEngine; those of MMPretrain are reached as
``mmpretrain.X``. ``locations`` lets a config build a type without importing its module.
"""

from mmengine import registry as mmengine
from mmengine.registry import Registry


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(
        name, parent=parent, scope='dynamix', locations=list(locations or ('dynamix',))
    )


DATASETS = _child('dataset', mmengine.DATASETS, 'dynamix.datasets')
DATA_SAMPLERS = _child(
    'data sampler', mmengine.DATA_SAMPLERS, 'dynamix.datasets.samplers'
)
TRANSFORMS = _child('transform', mmengine.TRANSFORMS, 'dynamix.datasets.transforms')
MODELS = _child('model', mmengine.MODELS, 'dynamix.models')
HOOKS = _child('hook', mmengine.HOOKS, 'dynamix.engine')
OPTIM_WRAPPERS = _child('optimizer wrapper', mmengine.OPTIM_WRAPPERS, 'dynamix.engine')
TASK_UTILS = _child('task util', mmengine.TASK_UTILS, 'dynamix.engine.relabelers')
METRICS = _child('metric', mmengine.METRICS, 'dynamix.evaluation')

# Nothing of ours is in these; they exist so that MMEngine finds the scope.
EVALUATORS = _child('evaluator', mmengine.EVALUATOR)
INFERENCERS = _child('inferencer', mmengine.INFERENCERS)
LOG_PROCESSORS = _child('log processor', mmengine.LOG_PROCESSORS)
LOOPS = _child('loop', mmengine.LOOPS)
MODEL_WRAPPERS = _child('model wrapper', mmengine.MODEL_WRAPPERS)
OPTIM_WRAPPER_CONSTRUCTORS = _child(
    'optimizer wrapper constructor', mmengine.OPTIM_WRAPPER_CONSTRUCTORS
)
OPTIMIZERS = _child('optimizer', mmengine.OPTIMIZERS)
PARAM_SCHEDULERS = _child('parameter scheduler', mmengine.PARAM_SCHEDULERS)
RUNNER_CONSTRUCTORS = _child('runner constructor', mmengine.RUNNER_CONSTRUCTORS)
RUNNERS = _child('runner', mmengine.RUNNERS)
VISBACKENDS = _child('vis_backend', mmengine.VISBACKENDS)
VISUALIZERS = _child('visualizer', mmengine.VISUALIZERS)
WEIGHT_INITIALIZERS = _child('weight initializer', mmengine.WEIGHT_INITIALIZERS)
