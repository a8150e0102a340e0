# The crops of real_crops.py and those of PETS 2009 by ByteTrack, at 256 x 128, from an
# OSNet that torchreid trained on MSMT17: 4 epochs of 30 iterations of about 0.5 s.
_base_ = [
    '../../../../configs/_base_/models/osnet_x0_25_short.py',
    '../../../../configs/_base_/datasets/pipeline_256x128.py',
    './runtime_cpu.py',
    './real_crops.py',
]
custom_imports = dict(imports='benchmarks.ablation.readers')
pets = dict(
    type='TrackedVideo',
    name='pets',
    data_root=_base_.data_root + 'pets09_s2l1',
    video='vtest.avi',
    boxes='bytetrack_buffer2.csv',
)
# half of the images of real_crops.py
multi_camera = dict(images=2)
single_camera = dict(images=2)
multi_camera_alone = dict(images=2)
train_dataloader = dict(
    sampler=dict(multi_camera=multi_camera, single_camera=single_camera, iterations=30),
    dataset=dict(single_camera=[_base_.mars, pets], pipeline=_base_.train_pipeline),
)
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
val_dataloader = test_dataloader
# low, so that the weights keep what they know of other places; people held out of the
# same cameras (bed_real-crops-osnet-held-out.py) choose 4e-4, see docs/results.md
optim_wrapper = dict(optimizer=dict(lr=5e-5))
param_scheduler = _base_.param_scheduler
param_scheduler[0].end = param_scheduler[1].begin = 1
param_scheduler[1].update(end=4, eta_min=0)
relabel = dict(interval=2)
train_cfg = dict(max_epochs=4, val_interval=4)
