# Own footage beside labelled crops, from an OSNet that knows people; judged on VIPeR. A
# few minutes on two CPU cores. docs/own_footage.md says how to get the tracklets.
_base_ = [
    '_base_/models/osnet_x0_25_short.py',
    '_base_/datasets/pipeline_256x128.py',
    '_base_/datasets/real_crops.py',
    '_base_/schedules/adam_24e.py',
    '_base_/default_runtime.py',
]
labelled = dict(
    type='Market1501',
    name='market_subset',
    data_root=_base_.data_root + 'market_subset',
)
footage = dict(
    type='TrackletFolder', name='footage', data_root='tracks', frames_are_clock=True
)
target = dict(type='VIPeR', data_root=_base_.data_root + 'VIPeR')
train_dataloader = dict(
    sampler=dict(
        multi_camera=dict(images=2), single_camera=dict(images=2), iterations=30
    ),
    dataset=dict(
        multi_camera=[labelled],
        single_camera=[footage],
        pipeline=_base_.train_pipeline,
    ),
)
test_dataloader = dict(dataset=dict(targets=[target], pipeline=_base_.test_pipeline))
val_dataloader = test_dataloader
# low, so that the weights keep what they know of other places
optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = param_scheduler[1].begin = 1
param_scheduler[1].update(end=4, eta_min=0)
train_cfg = dict(max_epochs=4, val_interval=4)
auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(logger=dict(interval=10))
custom_hooks = [
    dict(type='InitialEvaluationHook'),
    # Videos are few, so all images of their tracklets are embedded.
    dict(type='RelabelHook', images_per_tracklet=None, num_workers=2),
]
