from __future__ import annotations

import pytest

from dynamix.engine.hooks import relabel_hook


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        relabel_hook,
        'print_log',
        lambda text, logger, level: lines.append((level, text)),
    )
    return lines
