# Windows, labels repaired from all images of a tracklet
_base_ = './dynamix.py'
custom_hooks = [dict(_base_.relabel, images_per_tracklet=None)]
