# Windows of 45 videos, repaired labels
_base_ = './dynamix.py'
train_dataloader = dict(sampler=dict(single_camera=dict(window=45)))
