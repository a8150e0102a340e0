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
    dict(type='RelabelHook', num_workers=2),
]
