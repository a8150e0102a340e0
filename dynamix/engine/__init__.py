"""Hooks, the bfloat16 optimizer wrapper, and code shared by the tools."""

from .hooks import *
from .optim_wrappers import *
