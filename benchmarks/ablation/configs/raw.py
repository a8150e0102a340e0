# Tracker's labels, all videos
_base_ = './_base_/bed.py'
