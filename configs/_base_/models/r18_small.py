# ResNet-18 of half width, from scratch: trains on two CPU cores.
_base_ = './r50.py'
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
    # Negatives of other videos are other cameras, too; with few labelled people they
    # teach a small network that another camera means another person (ours).
    head=dict(
        in_channels=256,
        losses=dict(
            instance=dict(negatives='same_scene'),
            augmentation=dict(negatives='same_scene'),
        ),
    ),
)
