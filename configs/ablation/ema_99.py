# Momentum encoder: decay 0.99
_base_ = './_base_/bed.py'
model = dict(momentum_encoder=dict(momentum=0.01))
