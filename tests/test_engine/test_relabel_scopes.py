"""What a config may say of the scope and its rule."""

from __future__ import annotations

import pytest

from dynamix.engine.relabel_scopes import relabeling_of
from dynamix.relabeling import (
    DensityRule,
    GlobalRule,
    RelabelRule,
    relabel_by_density_over_ranks,
    relabel_globally_over_ranks,
    relabel_over_ranks,
)


@pytest.mark.parametrize(
    ('scope', 'rule', 'function', 'expected'),
    [
        ('video', None, relabel_over_ranks, dict(rule=RelabelRule())),
        (
            'video',
            dict(merge=False, insist=True),
            relabel_over_ranks,
            dict(rule=RelabelRule(merge=False, insist=True)),
        ),
        (
            'global',
            None,
            relabel_globally_over_ranks,
            dict(rule=GlobalRule(), video_rule=RelabelRule()),
        ),
        (
            'global',
            dict(video=dict(split=False), false_share=0.2),
            relabel_globally_over_ranks,
            dict(rule=GlobalRule(false_share=0.2), video_rule=RelabelRule(split=False)),
        ),
        (
            'dbscan',
            dict(eps=0.4),
            relabel_by_density_over_ranks,
            dict(rule=DensityRule(eps=0.4)),
        ),
    ],
)
def test_scope_and_rule(scope, rule, function, expected):
    found = relabeling_of(scope, rule)
    assert found.func is function
    assert found.keywords == expected


@pytest.mark.parametrize(
    ('scope', 'rule', 'error', 'message'),
    [
        ('all', None, ValueError, r"RelabelHook\.scope .*'dbscan', 'global', 'video'"),
        ('video', dict(eps=1), TypeError, r"Hook\.rule .*video.* key 'eps'.*merge"),
        ('dbscan', dict(merge=True), TypeError, r"has no key 'merge'.*eps"),
        ('video', dict(video={}), TypeError, "has no key 'video'"),
        ('global', dict(x=1), TypeError, r"has no key 'x'.*false_share.*video"),
        (
            'global',
            dict(video=dict(insist=True)),
            TypeError,
            r"RelabelHook\.rule\.video .* has no key 'insist'",
        ),
        ('dbscan', dict(eps=3), ValueError, r'RelabelHook\.rule: eps must lie'),
        (
            'global',
            dict(video=dict(min_images=0)),
            ValueError,
            r'RelabelHook\.rule\.video: min_images must',
        ),
    ],
)
def test_wrong_scope_or_rule_is_named(scope, rule, error, message):
    with pytest.raises(error, match=message):
        relabeling_of(scope, rule)


def test_the_rule_of_a_config_is_left_as_it_is():
    rule = dict(video=dict(merge=False), neighbours=5)
    relabeling_of('global', rule)
    assert rule == dict(video=dict(merge=False), neighbours=5)
