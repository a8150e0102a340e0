# No centroids
_base_ = './_base_/bed.py'
model = dict(head=dict(losses=dict(centroid=None, camera_centroid=None)))
