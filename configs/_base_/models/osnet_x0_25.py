# OSNet of quarter width, 0.2 M parameters, as torchreid trained it on MSMT17: backbone
# and fully connected layer are read from one file. Trains on a CPU at 256 x 128.
_base_ = './r50.py'
weights = 'weights/osnet_x0_25_msmt17.pth'
model = dict(
    backbone=dict(
        _delete_=True,
        type='OSNet',
        widen_factor=0.25,
        init_cfg=dict(type='Pretrained', checkpoint='reid://' + weights),
    ),
    neck=dict(
        _delete_=True,
        type='mmpretrain.LinearNeck',
        in_channels=128,
        out_channels=512,
        gap_dim=2,
        act_cfg=dict(type='ReLU'),
        init_cfg=dict(type='Pretrained', checkpoint='reid-neck://' + weights),
    ),
    head=dict(in_channels=512),
)
