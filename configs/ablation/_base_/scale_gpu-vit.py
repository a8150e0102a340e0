# As scale_gpu.py with ViT-B/16; model.backbone.init_cfg names pre-trained weights.
_base_ = './scale_gpu.py'
model = dict(
    channels_last=False,
    backbone=dict(
        _delete_=True,
        type='mmpretrain.VisionTransformer',
        arch='b',
        img_size=(256, 128),
        patch_size=16,
        drop_path_rate=0.1,
    ),
    neck=dict(_delete_=True, type='BNNeck', in_channels=768),
    head=dict(in_channels=768),
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
)
