# A GPU, but for the model: 256 x 128, mixed precision.
_base_ = [
    '../../_base_/datasets/pipeline_256x128.py',
    '../../_base_/schedules/adam_24e.py',
    '../../_base_/default_runtime.py',
]
iterations = 50
num_workers = 4
relabel = dict(type='RelabelHook', start=3)

losses = dict(
    instance=dict(negatives='same_scene'),
    augmentation=dict(negatives='same_scene'),
)
optim_wrapper = dict(type='BFloat16OptimWrapper', optimizer=dict(lr=3.5e-4))
custom_hooks = [relabel]
train_cfg = dict(val_interval=24)
default_hooks = dict(
    logger=dict(interval=10), checkpoint=dict(interval=4, max_keep_ckpts=1)
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
