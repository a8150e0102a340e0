# Without the instance loss
_base_ = './dynamix.py'
model = dict(head=dict(losses=dict(instance=None)))
