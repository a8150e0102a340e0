# Real crops in the folder DYNAMIX_DATA: a part of Market-1501 (labelled) and of MARS
# (tracked); judged on VIPeR and MultiviewX.
data_root = '{{$DYNAMIX_DATA:data}}/'
# Half of a batch each, as the method's default; not chosen by looking at the targets.
multi_camera = dict(identities=8, images=4)
single_camera = dict(videos=2, identities=4, images=4)
# The same number of images where one kind of data is alone.
multi_camera_alone = dict(identities=16, images=4)
mars = dict(
    type='TrackletFolder',
    name='mars',
    data_root=data_root + 'mars_single_camera',
    folder='videos',
    truth='truth.csv',
)

train_dataloader = dict(
    num_workers=1,
    sampler=dict(
        type='MixedDataSampler', multi_camera=multi_camera, single_camera=single_camera
    ),
    dataset=dict(
        type='MixedDataset',
        multi_camera=[dict(type='Market1501', data_root=data_root + 'market_subset')],
        single_camera=[mars],
    ),
)
test_dataloader = dict(
    batch_size=128,
    num_workers=1,
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
