# Protocol 2: training images of Market-1501, CUHK03-NP, CUHK-SYSU
# + LUPerson-NL -> MSMT17.
_base_ = './_base_/protocol.py'
sources = ['market1501', 'cuhk03', 'cuhk_sysu']
train_dataloader = dict(
    dataset=dict(
        multi_camera=[dict(_base_.labelled[name], split='train') for name in sources],
    ),
)
test_dataloader = dict(
    dataset=dict(targets=[dict(_base_.labelled['msmt17'], split='test')])
)
val_dataloader = test_dataloader
