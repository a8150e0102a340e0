# ViT-B/16, 256 x 128, MSMT17 + LUPerson-NL -> Market-1501, CUHK03-NP.
_base_ = [
    '_base_/models/vit-b.py',
    '_base_/datasets/msmt17_lupersonnl.py',
    '_base_/schedules/adamw_layer-decay_100e.py',
    '_base_/default_runtime.py',
]
custom_hooks = [dict(type='RelabelHook')]
