# As pipeline_small.py, for the network of quarter width.
_base_ = './pipeline_small.py'
image_size = (64, 32)
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].scale = test_pipeline[1].scale = image_size[::-1]
