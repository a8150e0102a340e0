# Joint, the tracker's own labels
_base_ = './_base_/bed.py'
custom_hooks = []
