# bed_sparse.py from the weights of pretrain.py.
_base_ = './bed_sparse.py'
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
optim_wrapper = dict(optimizer=dict(lr=5e-4))
