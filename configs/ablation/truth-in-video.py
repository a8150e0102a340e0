# Joint, a tracker without errors
_base_ = './_base_/bed.py'
train_dataloader = dict(dataset=dict(labels='truth_in_video'))
custom_hooks = []
