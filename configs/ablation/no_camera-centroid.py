# Without the camera centroid loss
_base_ = './_base_/bed.py'
model = dict(head=dict(losses=dict(camera_centroid=None)))
