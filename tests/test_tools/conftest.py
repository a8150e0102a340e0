from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[2] / 'tools' / 'analysis_tools'


@pytest.fixture
def check_data() -> ModuleType:
    """tools/analysis_tools/check_data.py"""
    spec = importlib.util.spec_from_file_location('check_data', TOOLS / 'check_data.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
