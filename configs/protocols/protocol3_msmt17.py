# Protocol 3: all images of Market-1501, CUHK03-NP, CUHK-SYSU + LUPerson-NL -> MSMT17.
_base_ = './protocol2_msmt17.py'
train_dataloader = _base_.train_dataloader
for __source in train_dataloader.dataset.multi_camera:
    __source.split = 'all'
