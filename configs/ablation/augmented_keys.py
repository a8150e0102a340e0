# Instance loss against images augmented anew (ReMix; three forwards)
_base_ = './_base_/bed.py'
train_pipeline = _base_.train_pipeline
__views = train_pipeline[2]
__augmented, __plain = __views.transforms
__views.update(num_views=[1, 1, 1], transforms=[__augmented, __plain, __augmented])
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
