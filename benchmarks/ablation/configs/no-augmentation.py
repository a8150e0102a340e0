# Without the augmentation loss
_base_ = './dynamix.py'
model = dict(head=dict(losses=dict(augmentation=None)))
