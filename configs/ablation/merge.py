# Joint, relabeling: merge
_base_ = './_base_/bed.py'
custom_hooks = [dict(_base_.relabel, rule=dict(split=False, drop=False))]
