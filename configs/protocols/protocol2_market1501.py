# Protocol 2: training images of MSMT17, CUHK03-NP, CUHK-SYSU
# + LUPerson-NL -> Market-1501.
_base_ = './_base_/protocol.py'
sources = ['msmt17', 'cuhk03', 'cuhk_sysu']
train_dataloader = dict(
    dataset=dict(
        multi_camera=[dict(_base_.labelled[name], split='train') for name in sources],
    ),
)
test_dataloader = dict(
    dataset=dict(targets=[dict(_base_.labelled['market1501'], split='test')])
)
val_dataloader = test_dataloader
