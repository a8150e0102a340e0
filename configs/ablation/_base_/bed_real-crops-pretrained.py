# Real crops, from a backbone that has learned drawn people (pretrain.py).
_base_ = './bed_real-crops.py'
model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint='{{$DYNAMIX_PRETRAINED:work_dirs/pretrain/epoch_28.pth}}',
            prefix='encoder.backbone.',
        )
    )
)
