# Centroids: memory, no camera centroids
_base_ = './_base_/bed.py'
model = dict(head=dict(losses=dict(camera_centroid=None)))
