# The instance loss twice in place of the augmentation loss
_base_ = './_base_/bed.py'
model = dict(head=dict(losses=dict(instance=dict(loss_weight=2.0), augmentation=None)))
