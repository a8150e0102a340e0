# Joint, relabeling: merge and split
_base_ = './_base_/bed.py'
custom_hooks = [dict(_base_.relabel, rule=dict(drop=False))]
