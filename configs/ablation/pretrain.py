# What the bed real-crops-pretrained begins with: drawn people of seven labelled domains
_base_ = './_base_/bed_synthetic.py'
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
        multi_camera=[dict(people, domain=domain) for domain in range(7)],
        single_camera=[],
    ),
)
custom_hooks = []
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = 28
train_cfg = dict(max_epochs=28, val_interval=28)
