# ViT-B/16 on a 16 x 8 grid of patches; the class token is the embedding.
_base_ = './dynamix_r50.py'
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
