# Windows, repaired labels; pool 'window'
_base_ = './dynamix.py'
train_dataloader = dict(sampler=dict(single_camera=dict(pool='window')))
