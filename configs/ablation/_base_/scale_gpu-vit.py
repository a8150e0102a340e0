# As scale_gpu.py with ViT-B/16 and its pre-trained weights.
_base_ = ['../../_base_/models/vit-b.py', './scale_gpu_common.py']
model = dict(momentum_encoder=dict(momentum=0.005), head=dict(losses=_base_.losses))
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
)
