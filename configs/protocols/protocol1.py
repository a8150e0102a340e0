# Protocol 1: all images of five labelled data sets + LUPerson-NL -> PRID2011, GRID,
# VIPeR and i-LIDS, each the mean of ten random halves.
_base_ = './_base_/protocol.py'
data_root = _base_.data_root
train_dataloader = dict(
    dataset=dict(
        multi_camera=[dict(source, split='all') for source in _base_.labelled.values()],
    ),
)
test_dataloader = dict(
    dataset=dict(
        targets=[
            dict(type='PRID2011', data_root=data_root + 'prid_2011'),
            dict(type='GRID', data_root=data_root + 'underground_reid'),
            dict(type='VIPeR', data_root=data_root + 'VIPeR'),
            dict(type='ILIDS', data_root=data_root + 'ilids'),
        ],
    ),
)
val_dataloader = test_dataloader
