# One CPU core: quarter-width ResNet-18, 64 x 32 pixels, 0.1 s a step; no checkpoints.
_base_ = [
    '../../../../configs/_base_/models/dynamix_r18_tiny.py',
    '../../../../configs/_base_/datasets/pipeline_tiny.py',
    '../../../../configs/_base_/schedules/adam_14e.py',
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
default_hooks = dict(logger=dict(interval=10), checkpoint=None)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
