# Windows, repaired labels; centroids of the window alone
_base_ = './dynamix.py'
model = dict(head=dict(memory=dict(keep_earlier_windows=False)))
