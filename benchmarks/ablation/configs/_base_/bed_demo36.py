# Drawn people: 24 labelled ones of domain 0, 36 tracked videos of domains 1 to 6.
_base_ = './scale_cpu.py'
relabel = dict(images_per_tracklet=None)
videos = dict(
    type='SyntheticPedestrians',
    split='videos',
    domain=[1, 2, 3, 4, 5, 6],
    image_size=_base_.image_size,
    num_videos=36,
)
multi_camera = dict(identities=4, images=4)
single_camera = dict(videos=2, identities=8, images=3)
# The same number of images where one kind of data is alone.
multi_camera_alone = dict(identities=16, images=4)

train_dataloader = dict(
    num_workers=_base_.num_workers,
    sampler=dict(
        type='MixedDataSampler',
        multi_camera=multi_camera,
        single_camera=single_camera,
        iterations=_base_.iterations,
    ),
    dataset=dict(
        type='MixedDataset',
        multi_camera=[
            dict(
                type='SyntheticPedestrians',
                split='train',
                domain=0,
                image_size=_base_.image_size,
                num_identities=24,
                num_cameras=4,
            ),
        ],
        single_camera=[videos],
        pipeline=_base_.train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=128,
    num_workers=_base_.num_workers,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TargetDataset',
        targets=[
            dict(
                type='SyntheticPedestrians',
                split='test',
                name=f'unseen-{domain}',
                domain=domain,
                image_size=_base_.image_size,
                num_identities=100,
                num_cameras=4,
                images_per_camera=2,
            )
            for domain in (31, 32, 33, 34)
        ],
        pipeline=_base_.test_pipeline,
    ),
)
val_dataloader = test_dataloader
test_evaluator = dict(type='ReIDMetric')
val_evaluator = test_evaluator
