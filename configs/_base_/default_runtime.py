default_scope = 'dynamix'

default_hooks = dict(
    runtime_info=dict(type='LateRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    sampler_seed=dict(type='EpochSeedHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
    identity_table=dict(type='IdentityTableHook'),
    checkpoint_check=dict(type='CheckpointCheckHook'),
    loss_guard=dict(type='LossGuardHook'),
    sync_statistics=dict(type='SyncStatisticsHook'),
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # A rank that waits longer than so many seconds for the others ends with an error.
    dist_cfg=dict(backend='nccl', timeout=1800),
)
sync_bn = 'torch'

vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='Visualizer', vis_backends=vis_backends)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
