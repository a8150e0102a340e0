# One CPU core: quarter-width ResNet-18, 64 x 32 pixels, 14 epochs of 50 iterations of
# 0.1 to 0.2 s; no checkpoints. In float32: bfloat16 is slow where it is emulated.
_base_ = [
    '../../../../configs/_base_/models/r18_tiny.py',
    '../../../../configs/_base_/datasets/pipeline_tiny.py',
    '../../../../configs/_base_/schedules/adam_24e.py',
    '../../../../configs/_base_/default_runtime.py',
]
iterations = 50
num_workers = 1
# Videos repaired in an epoch (None: all) and the hook of the rows that use windows.
window = None
relabel = dict(
    type='RelabelHook',
    images_per_tracklet=4,
    relabeler=dict(type='TrackletRelabeler'),
)
custom_hooks = []
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = param_scheduler[1].begin = 1
param_scheduler[1].end = 14
train_cfg = dict(max_epochs=14, val_interval=14)
default_hooks = dict(logger=dict(interval=10), checkpoint=None)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
