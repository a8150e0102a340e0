# ResNet-18 of half width, from scratch: trains on two CPU cores.
_base_ = './dynamix_r50.py'
model = dict(
    backbone=dict(
        depth=18,
        stem_channels=32,
        base_channels=32,
        init_cfg=None,
        zero_init_residual=False,
    ),
    neck=dict(in_channels=256),
    momentum_encoder=dict(momentum=0.01),
    head=dict(in_channels=256),
)
