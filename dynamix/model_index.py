"""Make the models of ``configs/metafile.yml`` known to MMPretrain's model hub."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

HUB = 'mmpretrain.apis.model'


def find_index() -> Path | None:
    """Find ``model-index.yml`` of a wheel (``dynamix/.mim``) or of a checkout.

    Returns:
        Path, optional: The file. None if the package was installed without it.
    """
    package = Path(__file__).parent
    for folder in (package / '.mim', package.parent):
        if (folder / 'model-index.yml').is_file() and (folder / 'configs').is_dir():
            return folder / 'model-index.yml'
    return None


def register_models() -> None:
    """Register models for ``mmpretrain.get_model`` and ``mmpretrain.list_models``.

    Importing MMPretrain takes seconds. If it has not been imported yet, the models are
    registered when somebody else imports it.
    """
    if HUB in sys.modules:
        _register(sys.modules[HUB])
    else:
        sys.meta_path.insert(0, _HubFinder())


def _register(hub: ModuleType) -> None:
    index = find_index()
    if index is not None:
        hub.ModelHub.register_model_index(index, config_prefix=index.parent)


class _HubFinder(MetaPathFinder):
    """Registers the models once, right after MMPretrain's model hub was loaded."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != HUB:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_register(module: ModuleType) -> None:
            load(module)
            _register(module)

        spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec
