# Small network on a few thousand real crops: market_subset + mars -> VIPeR, MultiviewX.
_base_ = [
    '_base_/models/r18_small.py',
    '_base_/datasets/pipeline_small.py',
    '_base_/datasets/real_crops.py',
    '_base_/schedules/adam_24e.py',
    '_base_/default_runtime.py',
]
train_dataloader = dict(dataset=dict(pipeline={{_base_.train_pipeline}}))
test_dataloader = dict(dataset=dict(pipeline={{_base_.test_pipeline}}))
val_dataloader = test_dataloader
default_hooks = dict(logger=dict(interval=10))
custom_hooks = [
    dict(type='InitialEvaluationHook'),
    dict(type='RelabelHook', num_workers=2),
]
