# Windows, repaired labels; pool 'repaired'
_base_ = './dynamix.py'
train_dataloader = dict(sampler=dict(single_camera=dict(pool='repaired')))
