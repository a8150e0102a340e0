# One CPU core: a tiny network, tiny images, about two minutes a run.
_base_ = [
    '../../_base_/models/dynamix_r18_tiny.py',
    '../../_base_/datasets/pipeline_tiny.py',
    '../../_base_/schedules/adam_14e.py',
    '../../_base_/default_runtime.py',
]
iterations = 50
num_workers = 1
relabel = dict(type='RelabelHook', start=2)

custom_hooks = [relabel]
default_hooks = dict(
    logger=dict(interval=10), checkpoint=dict(interval=4, max_keep_ckpts=1)
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
