# Protocol 1: all images of Market-1501, CUHK02, CUHK03-NP, CUHK-SYSU + LUPerson-NL
# -> PRID2011, GRID, VIPeR and i-LIDS, each the mean of ten random halves.
_base_ = './_base_/protocol.py'
data_root = _base_.data_root
sources = ['market1501', 'cuhk02', 'cuhk03', 'cuhk_sysu']
train_dataloader = dict(
    dataset=dict(
        multi_camera=[dict(_base_.labelled[name], split='all') for name in sources],
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
