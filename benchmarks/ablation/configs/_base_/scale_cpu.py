# Quarter-width ResNet-18, 64 x 32 pixels, 14 epochs of 50 iterations of 0.1 to 0.2 s.
_base_ = [
    '../../../../configs/_base_/models/r18_tiny.py',
    '../../../../configs/_base_/datasets/pipeline_tiny.py',
    './runtime_cpu.py',
]
iterations = 50
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = param_scheduler[1].begin = 1
param_scheduler[1].end = 14
train_cfg = dict(max_epochs=14, val_interval=14)
