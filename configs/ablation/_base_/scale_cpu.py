# Two CPU cores: a small network, small images, about four minutes a run.
_base_ = [
    '../../_base_/models/dynamix_r18_small.py',
    '../../_base_/datasets/pipeline_small.py',
    '../../_base_/schedules/adam_24e.py',
    '../../_base_/default_runtime.py',
]
iterations = 20
multi_camera = dict(identities=8, images=4)
single_camera = dict(videos=4, identities=4, images=2)
# The same number of images where one kind of data is alone.
multi_camera_alone = dict(identities=16, images=4)
single_camera_alone = dict(videos=8, identities=4, images=2)
num_workers = 2
relabel = dict(type='RelabelHook', start=3)

custom_hooks = [relabel]
train_cfg = dict(val_interval=24)
default_hooks = dict(
    logger=dict(interval=10), checkpoint=dict(interval=4, max_keep_ckpts=1)
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(vis_backends=vis_backends)
