"""DynaMix: person re-identification for unseen cameras, trained on mixed data.

The package registers its types with MMEngine under the scope ``dynamix``. Each
registry imports the modules that hold them when it is first used.
"""

from importlib.util import find_spec

from .version import __version__

_missing = [
    name
    for name in ('torch', 'mmengine', 'mmcv', 'mmpretrain')
    if find_spec(name) is None
]
if _missing:
    raise ImportError(
        f'dynamix needs {", ".join(_missing)}. On a machine without OpenMMLab install '
        'all by `pip install -e ".[all]"` in the checkout of dynamix; in an existing '
        'OpenMMLab environment add what is missing there.'
    )

from .model_index import register_models  # noqa: E402 (needs them)

register_models()

__all__ = ['__version__']
