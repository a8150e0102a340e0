# The recipe, and the labelled data sets that the protocols choose from.
_base_ = '../../dynamix_r50.py'
data_root = _base_.data_root
labelled = dict(
    market1501=dict(type='Market1501', data_root=data_root + 'Market-1501'),
    msmt17=dict(type='MSMT17', data_root=data_root + 'MSMT17'),
    cuhk02=dict(type='CUHK02', data_root=data_root + 'cuhk02'),
    cuhk03=dict(
        type='CUHK03NP',
        name='cuhk03_labeled',
        data_root=data_root + 'CUHK03-NP/labeled',
    ),
    cuhk03_detected=dict(
        type='CUHK03NP',
        name='cuhk03_detected',
        data_root=data_root + 'CUHK03-NP/detected',
    ),
    cuhk_sysu=dict(type='CUHKSYSU', data_root=data_root + 'cuhk_sysu'),
)
