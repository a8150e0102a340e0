# The test bed that DYNAMIX_BED names; all of it is DynaMix whole, which rows change.
_base_ = './bed_{{$DYNAMIX_BED:synthetic}}.py'
