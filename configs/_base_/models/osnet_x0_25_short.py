# osnet_x0_25.py from weights in the folder DYNAMIX_DATA, for a short training.
_base_ = './osnet_x0_25.py'
weights = '{{$DYNAMIX_DATA:data}}/weights/osnet_x0_25_msmt17.pth'
model = dict(
    backbone=dict(init_cfg=dict(checkpoint='reid://' + weights)),
    neck=dict(init_cfg=dict(checkpoint='reid-neck://' + weights)),
    # share of the encoder in an update: the run is short
    momentum_encoder=dict(momentum=0.05),
    # some people are seen in several videos
    head=dict(
        losses=dict(
            instance=dict(negatives='same_scene'),
            augmentation=dict(negatives='same_scene'),
        )
    ),
)
