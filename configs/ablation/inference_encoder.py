# The encoder itself at inference
_base_ = './_base_/bed.py'
model = dict(inference='encoder')
