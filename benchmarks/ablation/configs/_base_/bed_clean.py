# A tracker without errors; as many images of a person as in bed_demo36.py.
_base_ = './bed_demo36.py'
videos = dict(fragments=1.0, images_per_tracklet=20, switch_rate=0.0, stray_rate=0.0)
train_dataloader = dict(dataset=dict(single_camera=[dict(_base_.videos, **videos)]))
