# As pipeline_small.py, for the network of quarter width.
image_size = (64, 32)
train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=image_size[::-1]),
    dict(
        type='mmpretrain.MultiView',
        num_views=[1, 1],
        transforms=[
            [
                dict(type='RandomFlip', prob=0.5),
                dict(type='mmpretrain.RandomCrop', crop_size=image_size, padding=4),
                dict(
                    type='RandomColorJitter',
                    brightness=0.4,
                    contrast=0.4,
                    saturation=0.4,
                    hue=0.08,
                    prob=0.8,
                    grayscale_prob=0.05,
                ),
                dict(type='RandomGaussianBlur', sigma=(0.1, 1.0), prob=0.2),
                dict(
                    type='mmpretrain.RandomErasing',
                    erase_prob=0.5,
                    fill_color=[103.53, 116.28, 123.675],
                ),
            ],
            [],
        ],
    ),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=image_size[::-1]),
    dict(type='PackReIDInputs'),
]
