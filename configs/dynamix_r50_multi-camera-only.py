# Without single-camera data: what joint training is measured against.
_base_ = './dynamix_r50.py'
train_dataloader = dict(
    sampler=dict(multi_camera=dict(identities=24), single_camera=None),
    dataset=dict(single_camera=[]),
)
custom_hooks = []
