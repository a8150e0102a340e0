"""DynaMix: generalizable person re-identification from mixed data, on OpenMMLab."""

from .version import __version__

__all__ = ['__version__']
