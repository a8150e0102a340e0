# Protocol 3: all images of MSMT17, CUHK03-NP, CUHK-SYSU + LUPerson-NL -> Market-1501.
_base_ = './protocol2_market1501.py'
train_dataloader = _base_.train_dataloader
for __source in train_dataloader.dataset.multi_camera:
    __source.split = 'all'
