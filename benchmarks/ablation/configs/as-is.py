# The weights as they are
_base_ = './_base_/bed.py'
train_cfg = dict(max_epochs=0)
custom_hooks = [dict(type='InitialEvaluationHook')]
