# Without the instance loss
_base_ = './_base_/bed.py'
model = dict(head=dict(losses=dict(instance=None)))
