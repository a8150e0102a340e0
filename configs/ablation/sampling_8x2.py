# 8 videos x 2 identities
_base_ = './_base_/bed.py'
train_dataloader = dict(
    sampler=dict(single_camera=dict(_base_.of_16, videos=8, identities=2)),
)
