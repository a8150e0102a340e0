"""Backbones and necks that other projects trained, by the address of their file.

``init_cfg=dict(type='Pretrained', checkpoint='reid://PATH')`` of a backbone, and
``'reid-neck://PATH'`` of a neck, read them; docs/pretrained.md lists the projects.
"""

from .fit import weights_must_fit
from .load import convert_weights, load_from_reid

__all__ = [
    'convert_weights',
    'load_from_reid',
    'weights_must_fit',
]
