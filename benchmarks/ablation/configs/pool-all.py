# Windows, repaired labels; pool 'all'
_base_ = './dynamix.py'
train_dataloader = dict(sampler=dict(single_camera=dict(pool='all')))
