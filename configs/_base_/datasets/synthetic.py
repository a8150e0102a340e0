# People drawn on the fly: a little labelled data of one domain, many videos of others;
# judged on people, cameras and styles of a domain never seen.
_base_ = './pipeline_small.py'

train_dataloader = dict(
    num_workers=2,
    sampler=dict(
        type='MixedDataSampler',
        multi_camera=dict(identities=4, images=4),
        single_camera=dict(videos=2, identities=8, images=3, window=12),
        iterations=20,
    ),
    dataset=dict(
        type='MixedDataset',
        multi_camera=[
            dict(
                type='SyntheticPedestrians',
                split='train',
                domain=0,
                image_size={{_base_.image_size}},
                num_identities=24,
                num_cameras=4,
            ),
        ],
        single_camera=[
            dict(
                type='SyntheticPedestrians',
                split='videos',
                domain=[1, 2, 3, 4, 5, 6],
                image_size={{_base_.image_size}},
                num_videos=36,
            ),
        ],
        pipeline={{_base_.train_pipeline}},
    ),
)
test_dataloader = dict(
    batch_size=128,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TargetDataset',
        targets=[
            dict(
                type='SyntheticPedestrians',
                split='test',
                name=f'unseen-{domain}',
                domain=domain,
                image_size={{_base_.image_size}},
                num_identities=100,
                num_cameras=4,
                images_per_camera=2,
            )
            for domain in (11, 12)
        ],
        pipeline={{_base_.test_pipeline}},
    ),
)
val_dataloader = test_dataloader
test_evaluator = dict(type='ReIDMetric')
val_evaluator = test_evaluator
