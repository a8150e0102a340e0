# Untrained (one step at learning rate 0)
_base_ = './_base_/bed.py'
train_dataloader = dict(sampler=dict(iterations=1))
optim_wrapper = dict(optimizer=dict(lr=0.0, weight_decay=0.0))
train_cfg = dict(max_epochs=1, val_interval=1)
custom_hooks = []
