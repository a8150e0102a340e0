# As pipeline_256x128.py, smaller; colours vary more, as there are few cameras.
_base_ = './pipeline_256x128.py'
image_size = (96, 48)
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].scale = test_pipeline[1].scale = image_size[::-1]
# Names that begin with two underscores are no part of a config.
__crop, __jitter, __blur, __erasing = train_pipeline[2].transforms[0]
__crop.padding = 4
__jitter.update(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.08, prob=0.8)
__blur.sigma = (0.1, 1.0)
