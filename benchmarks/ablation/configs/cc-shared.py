# Camera centroid loss whose positives share a denominator
_base_ = './dynamix.py'
model = dict(head=dict(losses=dict(camera_centroid=dict(shared_denominator=True))))
