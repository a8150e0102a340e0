# ResNet-50 with IBN-a (Pan et al., ECCV 2018); else as dynamix_r50.py.
_base_ = './dynamix_r50.py'
weights = (
    'https://github.com/XingangPan/IBN-Net/releases/download/v1.0/'
    'resnet50_ibn_a-d9d0bb7b.pth'
)
model = dict(backbone=dict(type='ResNetIBN', init_cfg=dict(checkpoint=weights)))
