# Centroids: means of the batch
_base_ = './_base_/bed.py'
losses = dict(
    centroid=None,
    camera_centroid=None,
    batch_centroid=dict(type='BatchCentroidLoss', temperature=0.5),
)
model = dict(head=dict(losses=losses))
