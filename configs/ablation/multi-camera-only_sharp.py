# Multi-camera data alone, centroid temperature 0.1 (its best)
_base_ = './multi-camera-only.py'
model = dict(head=dict(losses=dict(centroid=dict(temperature=0.1))))
