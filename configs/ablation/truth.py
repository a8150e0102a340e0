# Joint, the true identities
_base_ = './_base_/bed.py'
train_dataloader = dict(dataset=dict(labels='truth'))
custom_hooks = []
