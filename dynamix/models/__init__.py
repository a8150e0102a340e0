from .heads import *
from .losses import *
from .necks import *
from .reid import *
