# Windows, tracker's labels
_base_ = './dynamix.py'
custom_hooks = [dict(_base_.relabel, relabeler=None)]
