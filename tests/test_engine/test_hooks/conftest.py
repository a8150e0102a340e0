from __future__ import annotations

from typing import Any

import pytest

from dynamix.engine.hooks import relabel_hook


@pytest.fixture
def relabel_log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that RelabelHook logs, by whichever runner."""
    lines: list[str] = []

    def print_log(text: str, **options: Any) -> None:
        lines.append(text)

    monkeypatch.setattr(relabel_hook, 'print_log', print_log)
    return lines
