# 4 videos x 4 identities
_base_ = './_base_/bed.py'
train_dataloader = dict(
    sampler=dict(single_camera=dict(_base_.of_16, videos=4, identities=4)),
)
