# Labels are repaired before the first epoch, too: for weights pre-trained on people.
_base_ = './dynamix_r50.py'
extract = dict(
    pipeline=[
        dict(type='LoadReIDImage', skip_unreadable=True),
        *_base_.test_pipeline[1:],
    ],
    batch_size=256,
    num_workers=8,
    images_per_tracklet=4,
)
custom_hooks = [dict(type='RelabelHook', start=5, extract=extract)]
