# Windows, labels repaired from 4 images of a tracklet
_base_ = './dynamix.py'
custom_hooks = [dict(_base_.relabel, images_per_tracklet=4)]
