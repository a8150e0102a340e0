# Ten times the videos of bed_demo36.py. 24 epochs of 15 videos cover the 360 videos
# once; 24 x 21 batches of 16 tracklets visit each of 5 369 tracklets 1.5 times, which
# is the density of 100 epochs of configs/dynamix_r50.py on LUPerson-NL.
_base_ = './bed_demo36.py'
window = 15
relabel = dict(images_per_tracklet=4)
videos = dict(_base_.videos, num_videos=360)
train_dataloader = dict(
    sampler=dict(iterations=21), dataset=dict(single_camera=[videos])
)
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = param_scheduler[1].begin = 2
param_scheduler[1].end = 24
train_cfg = dict(max_epochs=24, val_interval=24)
