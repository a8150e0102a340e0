# The test bed that DYNAMIX_BED names: the tracker's labels, all videos.
_base_ = './bed_{{$DYNAMIX_BED:demo36}}.py'
