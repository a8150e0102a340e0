# Protocol 2: training images of Market-1501, MSMT17, CUHK-SYSU
# + LUPerson-NL -> CUHK03-NP, labeled and detected boxes.
_base_ = './_base_/protocol.py'
sources = ['market1501', 'msmt17', 'cuhk_sysu']
train_dataloader = dict(
    dataset=dict(
        multi_camera=[dict(_base_.labelled[name], split='train') for name in sources],
    ),
)
test_dataloader = dict(
    dataset=dict(
        targets=[
            dict(_base_.labelled[name], split='test')
            for name in ('cuhk03', 'cuhk03_detected')
        ],
    )
)
val_dataloader = test_dataloader
