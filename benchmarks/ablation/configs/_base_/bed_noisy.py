# Twice the tracker's errors; as many images of a person as in bed_demo36.py.
_base_ = './bed_demo36.py'
videos = dict(fragments=4.0, images_per_tracklet=5, switch_rate=0.1, stray_rate=0.06)
train_dataloader = dict(dataset=dict(single_camera=[dict(_base_.videos, **videos)]))
