"""The losses of DynaMix, one a file."""

from .anchor_mean import mean_over_anchors
from .augmentation_loss import AugmentationLoss
from .camera_centroid_loss import CameraCentroidLoss
from .centroid_loss import CentroidLoss
from .instance_loss import InstanceLoss

__all__ = [
    'AugmentationLoss',
    'CameraCentroidLoss',
    'CentroidLoss',
    'InstanceLoss',
    'mean_over_anchors',
]
