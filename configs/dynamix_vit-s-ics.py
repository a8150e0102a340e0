# ViT-S/16 with a convolutional stem, pre-trained on LUPerson (TransReID-SSL, Luo et
# al., arXiv 2111.12084): its file comes from its authors. Else as dynamix_vit-b.py.
_base_ = './dynamix_vit-b.py'
model = dict(
    backbone=dict(
        type='VisionTransformerICS',
        arch='deit-small',
        init_cfg=dict(checkpoint='reid://weights/vit_small_ics_cfs_lup.pth'),
    ),
    neck=dict(in_channels=384),
    head=dict(in_channels=384),
)
