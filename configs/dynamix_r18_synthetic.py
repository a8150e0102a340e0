# The demo: a small network on embedded data, a few minutes on two CPU cores.
_base_ = [
    '_base_/models/r18_small.py',
    '_base_/datasets/synthetic.py',
    '_base_/schedules/adam_24e.py',
    '_base_/default_runtime.py',
]
default_hooks = dict(logger=dict(interval=10))
custom_hooks = [
    dict(type='InitialEvaluationHook'),
    # Videos are few, so all images of their tracklets are embedded.
    dict(type='RelabelHook', images_per_tracklet=None, num_workers=2),
]
