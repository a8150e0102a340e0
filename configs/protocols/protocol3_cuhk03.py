# Protocol 3: all images of Market-1501, MSMT17, CUHK-SYSU + LUPerson-NL -> CUHK03-NP,
# labeled and detected boxes.
_base_ = './protocol2_cuhk03.py'
train_dataloader = _base_.train_dataloader
for __source in train_dataloader.dataset.multi_camera:
    __source.split = 'all'
