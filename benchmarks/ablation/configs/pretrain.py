# What the pretrained beds start from: labelled people of two domains that no bed has
_base_ = './_base_/bed_demo36.py'
people = dict(
    type='SyntheticPedestrians',
    split='train',
    image_size=_base_.image_size,
    num_identities=24,
    num_cameras=4,
)
train_dataloader = dict(
    sampler=dict(multi_camera=_base_.multi_camera_alone, single_camera=None),
    dataset=dict(
        multi_camera=[dict(people, domain=domain) for domain in range(41, 43)],
        single_camera=[],
    ),
)
default_hooks = dict(checkpoint=dict(_delete_=True, type='CheckpointHook', interval=8))
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = 8
train_cfg = dict(max_epochs=8, val_interval=8)
