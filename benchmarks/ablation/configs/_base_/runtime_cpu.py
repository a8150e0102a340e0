# Runs on one CPU core: one loader process, no checkpoints. In float32: bfloat16 is slow
# where it is emulated.
_base_ = [
    '../../../../configs/_base_/schedules/adam_24e.py',
    '../../../../configs/_base_/default_runtime.py',
]
num_workers = 1
# Videos repaired in an epoch (None: all) and the hook of the rows that use windows.
window = None
relabel = dict(
    type='RelabelHook',
    images_per_tracklet=4,
    num_workers=num_workers,
    relabeler=dict(type='TrackletRelabeler'),
)
custom_hooks = []
default_hooks = dict(logger=dict(interval=10), checkpoint=None)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
