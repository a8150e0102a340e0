# 16 videos x 1 identity
_base_ = './_base_/bed.py'
train_dataloader = dict(
    sampler=dict(single_camera=dict(_base_.of_16, videos=16, identities=1)),
)
