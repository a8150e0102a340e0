# DynaMix whole, images embedded before the first epoch, too
_base_ = './_base_/bed.py'
extract = dict(pipeline=_base_.test_pipeline, num_workers=_base_.num_workers)
custom_hooks = [dict(_base_.relabel, extract=extract)]
