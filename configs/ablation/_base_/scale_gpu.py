# A GPU: ResNet-50 from ImageNet weights at 256 x 128, mixed precision.
_base_ = ['../../_base_/models/r50.py', './scale_gpu_common.py']
model = dict(momentum_encoder=dict(momentum=0.005), head=dict(losses=_base_.losses))
