# ResNet-50 with last stride 1, GeM pooling, BNNeck; four losses.
model = dict(
    type='DynaMix',
    channels_last=True,
    data_preprocessor=dict(
        type='ReIDDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(
        type='BNNeck',
        in_channels=2048,
        pooling=dict(type='mmpretrain.GeneralizedMeanPooling', p=3.0),
    ),
    # share of the encoder in an update
    momentum_encoder=dict(type='MomentumEncoder', momentum=0.001),
    head=dict(
        type='CentroidMemoryHead',
        in_channels=2048,
        # share of the old centroid in an update
        memory=dict(momentum=0.2),
        losses=dict(
            instance=dict(type='InstanceLoss', temperature=0.1),
            augmentation=dict(type='AugmentationLoss', temperature=0.1),
            centroid=dict(type='CentroidLoss', temperature=0.5),
            camera_centroid=dict(
                type='CameraCentroidLoss',
                temperature=0.07,
                loss_weight=0.5,
                num_hard_negatives=50,
            ),
        ),
    ),
)
