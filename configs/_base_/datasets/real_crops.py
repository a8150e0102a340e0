# A part of Market-1501 (labelled) and of MARS (tracker-labelled); judged on VIPeR and
# MultiviewX. The folder: DYNAMIX_DATA in the environment. Pipelines are set by configs
# that inherit.
data_root = '{{$DYNAMIX_DATA:data}}/'

train_dataloader = dict(
    num_workers=2,
    sampler=dict(
        type='MixedDataSampler',
        multi_camera=dict(identities=8, images=4),
        single_camera=dict(videos=2, identities=4, images=4),
        iterations=20,
    ),
    dataset=dict(
        type='MixedDataset',
        multi_camera=[
            dict(
                type='Market1501',
                name='market_subset',
                data_root=data_root + 'market_subset',
            ),
        ],
        single_camera=[
            dict(
                type='TrackletFolder',
                name='mars',
                data_root=data_root + 'mars_single_camera',
                folder='videos',
                truth='truth.csv',
            ),
        ],
    ),
)
test_dataloader = dict(
    batch_size=128,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TargetDataset',
        targets=[
            dict(type='VIPeR', data_root=data_root + 'VIPeR'),
            dict(
                type='Market1501',
                name='multiviewx',
                data_root=data_root + 'multiviewx',
                split='test',
            ),
        ],
    ),
)
val_dataloader = test_dataloader
test_evaluator = dict(type='ReIDMetric')
val_evaluator = test_evaluator
