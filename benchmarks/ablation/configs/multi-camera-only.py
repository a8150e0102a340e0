# Multi-camera data alone
_base_ = './_base_/bed.py'
train_dataloader = dict(
    sampler=dict(multi_camera=_base_.multi_camera_alone, single_camera=None),
    dataset=dict(single_camera=[]),
)
