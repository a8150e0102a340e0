# The demo without single-camera data: what joint training is measured against.
_base_ = './dynamix_r18_synthetic.py'
train_dataloader = dict(
    sampler=dict(multi_camera=dict(identities=16), single_camera=None),
    dataset=dict(single_camera=[]),
)
custom_hooks = [dict(type='InitialEvaluationHook')]
