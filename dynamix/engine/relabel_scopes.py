"""What ``RelabelHook.scope`` and ``RelabelHook.rule`` mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

from dynamix.config_checks import check_keys
from dynamix.relabeling import (
    DensityRule,
    GlobalRule,
    Relabeling,
    RelabelRule,
    relabel_by_density_over_ranks,
    relabel_globally_over_ranks,
    relabel_over_ranks,
)

SCOPES: dict[str, tuple[type, Callable[..., Relabeling]]] = dict(
    video=(RelabelRule, relabel_over_ranks),
    dbscan=(DensityRule, relabel_by_density_over_ranks),
)
SCOPES['global'] = GlobalRule, relabel_globally_over_ranks
# Of a relabeling in two steps, the guard looks at the result only.
GUARD = ('max_changed', 'insist')

Rule = TypeVar('Rule')


def relabeling_of(scope: str, rule: dict | None) -> partial[Relabeling]:
    """The function of a scope, with its rule.

    Args:
        scope (str): ``'video'``, ``'global'`` or ``'dbscan'``.
        rule (dict, optional): Fields of the scope's rule. That of ``'global'`` may
            have ``video``, a dict with fields of
            :class:`~dynamix.relabeling.RelabelRule` but for the guard.

    Returns:
        partial: Takes what :func:`~dynamix.relabeling.relabel_over_ranks` takes, but
        for the rule, which is among its ``keywords``.

    Raises:
        ValueError: If there is no such scope, or a value is out of range.
        TypeError: If a field is unknown.
    """
    if scope not in SCOPES:
        raise ValueError(
            f'RelabelHook.scope must be one of {sorted(SCOPES)}, but got {scope!r}.'
        )
    options = dict(rule or {})
    kind, function = SCOPES[scope]
    if scope != 'global':
        return partial(function, rule=_build(kind, options, scope, 'rule'))
    within = dict(options.pop('video', None) or {})
    video_rule = _build(RelabelRule, within, scope, 'rule.video', without=GUARD)
    merging: GlobalRule = _build(kind, options, scope, 'rule', also=('video',))
    return partial(function, rule=merging, video_rule=video_rule)


def _build(
    kind: type[Rule],
    options: dict[str, Any],
    scope: str,
    where: str,
    also: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
) -> Rule:
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    known = [name for name in (*known, *also) if name not in without]
    check_keys(f'RelabelHook.{where} (scope={scope!r})', options, known)
    try:
        return kind(**options)
    except ValueError as error:
        raise ValueError(f'RelabelHook.{where}: {error}') from error
