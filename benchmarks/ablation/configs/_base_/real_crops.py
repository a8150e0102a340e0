# Real crops in the folder DYNAMIX_DATA, by one loader process.
_base_ = '../../../../configs/_base_/datasets/real_crops.py'
# Half of a batch each, as the method's default; not chosen by looking at the targets.
multi_camera = _base_.train_dataloader.sampler.multi_camera
single_camera = _base_.train_dataloader.sampler.single_camera
# The same number of images where one kind of data is alone.
multi_camera_alone = dict(identities=16, images=4)
mars = _base_.train_dataloader.dataset.single_camera[0]
train_dataloader = dict(num_workers=1)
test_dataloader = dict(num_workers=1)
val_dataloader = test_dataloader
