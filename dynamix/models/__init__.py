"""Models: encoder and momentum encoder, losses, centroid memories, backbones."""

from .backbones import *
from .heads import *
from .losses import *
from .necks import *
from .pretrained import *
from .reid import *
