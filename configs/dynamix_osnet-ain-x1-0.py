# OSNet-AIN x1.0 (Zhou et al., TPAMI 2021); else as dynamix_osnet-x0-25.py.
_base_ = './dynamix_osnet-x0-25.py'
weights = 'weights/osnet_ain_x1_0_msmt17.pth'
model = dict(
    backbone=dict(
        widen_factor=1.0,
        variant='ain',
        init_cfg=dict(checkpoint='reid://' + weights),
    ),
    neck=dict(in_channels=512, init_cfg=dict(checkpoint='reid-neck://' + weights)),
)
