# True identities within each video, all videos
_base_ = './_base_/bed.py'
train_dataloader = dict(dataset=dict(labels='truth_in_video'))
