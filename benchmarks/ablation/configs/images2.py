# Windows, labels repaired from 2 images of a tracklet
_base_ = './dynamix.py'
custom_hooks = [dict(_base_.relabel, images_per_tracklet=2)]
