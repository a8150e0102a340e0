from .resnet_ibn import InstanceBatchNorm, ResNetIBN

__all__ = ['InstanceBatchNorm', 'ResNetIBN']
