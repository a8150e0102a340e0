# MSMT17 (all images) and LUPerson-NL; judged on Market-1501 and CUHK03-NP,
# the latter with boxes drawn by hand and with detected ones.
# docs/data.md says how the folders must look.
_base_ = './pipeline_256x128.py'
data_root = 'data/'
# Of millions of crops from the web one or the other is broken: left out and counted.
train_pipeline = _base_.train_pipeline
train_pipeline[0].skip_unreadable = True

train_dataloader = dict(
    num_workers=8,
    sampler=dict(
        type='MixedDataSampler',
        multi_camera=dict(identities=8, images=4),
        # 100 windows of 250 videos walk through LUPerson-NL once
        single_camera=dict(videos=8, identities=2, images=4, window=250),
        iterations=400,
    ),
    dataset=dict(
        type='MixedDataset',
        multi_camera=[
            dict(type='MSMT17', data_root=data_root + 'MSMT17', split='all'),
        ],
        single_camera=[
            dict(type='LUPersonNL', data_root=data_root + 'LUPerson-NL'),
        ],
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TargetDataset',
        targets=[
            dict(type='Market1501', data_root=data_root + 'Market-1501', split='test'),
            dict(
                type='CUHK03NP',
                name='cuhk03_labeled',
                data_root=data_root + 'CUHK03-NP/labeled',
                split='test',
            ),
            dict(
                type='CUHK03NP',
                name='cuhk03_detected',
                data_root=data_root + 'CUHK03-NP/detected',
                split='test',
            ),
        ],
        pipeline=_base_.test_pipeline,
    ),
)
val_dataloader = test_dataloader
test_evaluator = dict(type='ReIDMetric')
val_evaluator = test_evaluator
