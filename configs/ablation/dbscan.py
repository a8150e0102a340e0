# Joint, DBSCAN within each video (ReMix)
_base_ = './_base_/bed.py'
# The eps with the best labels by the truth, on the embeddings of a DynaMix run: with
# eps found without the truth, it refuses to the end.
custom_hooks = [dict(_base_.relabel, scope='dbscan', rule=dict(eps=0.3))]
