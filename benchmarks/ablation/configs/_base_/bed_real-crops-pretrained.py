# The crops of real_crops.py from the weights of pretrain.py.
_base_ = ['./scale_cpu.py', './real_crops.py']
weights = '{{$DYNAMIX_PRETRAINED:work_dirs/pretrain/epoch_8.pth}}'
model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint=weights,
            prefix='encoder.backbone.',
        )
    ),
    neck=dict(
        init_cfg=dict(type='Pretrained', checkpoint=weights, prefix='encoder.neck.')
    ),
)
train_dataloader = dict(
    sampler=dict(iterations=_base_.iterations),
    dataset=dict(pipeline=_base_.train_pipeline),
)
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
val_dataloader = test_dataloader
