# Scheduled from 16 x 1 to 2 x 8
_base_ = './_base_/bed.py'
schedule = [(4, 8, 2), (8, 4, 4), (11, 2, 8)]
train_dataloader = dict(
    sampler=dict(
        single_camera=dict(_base_.of_16, videos=16, identities=1, schedule=schedule)
    ),
)
