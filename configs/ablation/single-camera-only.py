# Single-camera data alone, with relabeling
_base_ = './_base_/bed.py'
train_dataloader = dict(
    sampler=dict(multi_camera=None, single_camera=_base_.single_camera_alone),
    dataset=dict(multi_camera=[]),
)
