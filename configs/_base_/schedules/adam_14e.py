# 14 epochs of 50 iterations on a CPU: one of warm-up, then cosine; bfloat16.
optim_wrapper = dict(
    type='BFloat16OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, weight_decay=5e-4)
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        by_epoch=True,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=True,
        begin=1,
        end=14,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=14, val_interval=14)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=64)
