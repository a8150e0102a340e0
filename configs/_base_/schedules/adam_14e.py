# 14 epochs of 50 iterations on a CPU: one of warm-up, then cosine; bfloat16.
_base_ = './adam_24e.py'
optim_wrapper = dict(type='BFloat16OptimWrapper')
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = param_scheduler[1].begin = 1
param_scheduler[1].end = 14
train_cfg = dict(max_epochs=14, val_interval=14)
