# Windows, repaired labels
_base_ = './_base_/bed.py'
train_dataloader = dict(sampler=dict(single_camera=dict(window=_base_.window)))
custom_hooks = [_base_.relabel]
