# bed_real-crops-osnet.py without a quarter of its labelled people, judged on these: to
# choose a learning rate.
_base_ = './bed_real-crops-osnet.py'
market = dict(
    type='Market1501Part', data_root=_base_.data_root + 'market_subset', held_out=False
)
train_dataloader = dict(dataset=dict(multi_camera=[market]))
test_dataloader = dict(
    dataset=dict(targets=[dict(market, name='held-out', held_out=True)])
)
val_dataloader = test_dataloader
