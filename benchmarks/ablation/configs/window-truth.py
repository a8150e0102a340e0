# Windows, true identities within each video
_base_ = './window-raw.py'
train_dataloader = dict(dataset=dict(labels='truth_in_video'))
