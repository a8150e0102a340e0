# Without the centroid loss
_base_ = './dynamix.py'
model = dict(head=dict(losses=dict(centroid=None)))
