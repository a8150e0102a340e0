from .hooks import *
from .optim_wrappers import *
