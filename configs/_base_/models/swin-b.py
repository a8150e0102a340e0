# Swin-B, pre-trained on LUPerson by SOLIDER (Chen et al., CVPR 2023): its file comes
# from its authors. Patch merging has a bias for their semantic controller.
_base_ = './r50.py'
model = dict(
    channels_last=False,
    # as its authors fine-tune it
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.SwinTransformer',
        arch='base',
        img_size=(256, 128),
        drop_path_rate=0.1,
        pad_small_map=True,
        stage_cfgs=dict(downsample_cfg=dict(bias=True)),
        init_cfg=dict(
            type='Pretrained', checkpoint='reid://weights/swin_base_solider.pth'
        ),
    ),
    neck=dict(
        in_channels=1024,
        pooling=dict(_delete_=True, type='mmpretrain.GlobalAveragePooling'),
    ),
    head=dict(in_channels=1024),
)
