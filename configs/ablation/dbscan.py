# Joint, DBSCAN within each video (ReMix)
_base_ = './_base_/bed.py'
custom_hooks = [dict(_base_.relabel, scope='dbscan')]
