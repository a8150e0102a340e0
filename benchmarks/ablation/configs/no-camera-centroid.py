# Without the camera centroid loss
_base_ = './dynamix.py'
model = dict(head=dict(losses=dict(camera_centroid=None)))
