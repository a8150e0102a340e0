# 2 videos x 8 identities
_base_ = './_base_/bed.py'
train_dataloader = dict(
    sampler=dict(single_camera=dict(_base_.of_16, videos=2, identities=8)),
)
