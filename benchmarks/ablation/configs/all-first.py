# all videos repaired at the start, and in the middle
_base_ = './dynamix.py'
train_dataloader = dict(sampler=dict(single_camera=dict(window=None)))
custom_hooks = [dict(_base_.relabel, interval=12)]
