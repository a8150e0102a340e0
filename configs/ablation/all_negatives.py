# Negatives of all scenes
_base_ = './_base_/bed.py'
losses = dict(instance=dict(negatives='all'), augmentation=dict(negatives='all'))
model = dict(head=dict(losses=losses))
