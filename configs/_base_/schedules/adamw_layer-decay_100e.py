# For pre-trained transformers: AdamW, and the learning rate falls with each layer from
# the neck to the patches (ours). Else as adam_100e.py.
_base_ = './adam_100e.py'
optim_wrapper = dict(
    constructor='mmpretrain.LearningRateDecayOptimWrapperConstructor',
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-4, weight_decay=0.05),
    paramwise_cfg=dict(
        layer_decay_rate=0.75,
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={
            name: dict(decay_mult=0.0)
            for name in ('.cls_token', '.pos_embed', '.relative_position_bias_table')
        },
    ),
    clip_grad=dict(max_norm=1.0),
)
