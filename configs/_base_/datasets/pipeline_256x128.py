# Decode once; augmented view for the encoder, plain view for the momentum encoder.
image_size = (256, 128)
train_pipeline = [
    dict(type='LoadReIDImage'),
    dict(type='Resize', scale=image_size[::-1]),
    dict(
        type='ImageViews',
        transforms=[
            [
                dict(type='RandomFlipCrop', padding=10),
                dict(
                    type='RandomColorJitter',
                    brightness=0.2,
                    contrast=0.15,
                    saturation=0.2,
                    hue=0.05,
                    prob=0.5,
                    grayscale_prob=0.05,
                ),
                dict(type='RandomGaussianBlur', sigma=(0.1, 2.0), prob=0.2),
                dict(type='RandomErasing', fill_color=[103.53, 116.28, 123.675]),
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
