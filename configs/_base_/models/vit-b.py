# ViT-B/16 on a 16 x 8 grid of patches; the class token is the embedding.
_base_ = './r50.py'
weights = (
    'reid://https://mmassets.onedl.ai/mmclassification/v0/vit/finetune/'
    'vit-base-p16_in21k-pre-3rdparty_ft-64xb64_in1k-384_20210928-98e8652b.pth'
)
model = dict(
    channels_last=False,
    # as these weights were trained
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.VisionTransformer',
        arch='b',
        img_size=(256, 128),
        patch_size=16,
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint=weights),
    ),
    neck=dict(_delete_=True, type='BNNeck', in_channels=768),
    head=dict(in_channels=768),
)
