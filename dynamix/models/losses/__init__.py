"""The losses of DynaMix, one a file."""

from .anchor_mean import mean_over_anchors
from .augmentation_loss import AugmentationLoss
from .batch_centroid_loss import BatchCentroidLoss
from .camera_centroid_loss import CameraCentroidLoss
from .centroid_loss import CentroidLoss
from .contrastive import batch_logits, contrastive_loss
from .instance_loss import InstanceLoss

__all__ = [
    'AugmentationLoss',
    'BatchCentroidLoss',
    'CameraCentroidLoss',
    'CentroidLoss',
    'InstanceLoss',
    'batch_logits',
    'contrastive_loss',
    'mean_over_anchors',
]
