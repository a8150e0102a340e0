# DynaMix whole
_base_ = './_base_/bed.py'
