# Which rows stand in which table, in which order, and what they are measured against.
tables = dict(
    deciding=dict(
        title='What decides',
        reference='multi-camera-only',
        rows=[
            'untrained',
            'multi-camera-only',
            'multi-camera-only_sharp',
            'raw',
            'merge',
            'dbscan',
            'dynamix',
            'truth-in-video',
            'truth',
        ],
    ),
    data=dict(
        title='Data',
        reference='dynamix',
        rows=['multi-camera-only', 'single-camera-only', 'raw', 'dynamix'],
    ),
    relabeling=dict(
        title='Relabeling',
        reference='raw',
        rows=[
            'raw',
            'merge',
            'merge-split',
            'dynamix',
            'extract',
            'dbscan',
            'truth-in-video',
            'truth',
        ],
    ),
    centroids=dict(
        title='Centroids',
        reference='dynamix',
        rows=['centroids_off', 'centroids_batch', 'centroids_memory', 'dynamix'],
    ),
    sampling=dict(
        title='Sampling: videos x identities of each',
        reference='dynamix',
        rows=[
            'sampling_16x1',
            'sampling_8x2',
            'sampling_4x4',
            'sampling_2x8',
            'sampling_scheduled',
        ],
    ),
    losses=dict(
        title='Losses',
        reference='dynamix',
        rows=[
            'no_instance',
            'no_augmentation',
            'no_centroid',
            'no_camera-centroid',
            'instance_twice',
            'augmented_keys',
            'all_negatives',
            'dynamix',
        ],
    ),
    encoder=dict(
        title='Momentum encoder',
        reference='dynamix',
        rows=['inference_encoder', 'ema_99', 'ema_999', 'ema_9999', 'dynamix'],
    ),
)
