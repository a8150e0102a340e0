# ResNet-18 of quarter width: a step of 64 images of 64 x 32 takes 0.1 s on one core.
_base_ = './r18_small.py'
model = dict(
    backbone=dict(stem_channels=16, base_channels=16),
    neck=dict(in_channels=128),
    head=dict(in_channels=128),
)
