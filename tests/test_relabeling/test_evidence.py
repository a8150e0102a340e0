from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control

from dynamix.relabeling.evidence import largest_share, with_evidence


def test_share_of_impostors_is_that_of_false_discoveries():
    rng = np.random.default_rng(0)
    for true in (0, 1, 20):
        share = np.append(rng.uniform(size=80), rng.uniform(0, 0.01, true))
        rejected = share[false_discovery_control(share) <= 0.2].max(initial=-1)
        assert largest_share(share, len(share), 0.2) == rejected


def test_evidence_of_one_video():
    none = np.empty(0)
    across = np.linspace(0, 1, 1001)

    def level(pairs, across, certain):
        return with_evidence([0.5], [pairs], [certain], across)[0]

    # Of 100 pairs, 10 lie above .9 by chance, and 25 show one person.
    pairs = np.concatenate([np.linspace(0, 0.985, 100), np.full(25, 0.95)])
    expected = level(pairs, across, none)
    assert 0.9 < expected <= 0.95
    assert level(pairs[:100], across, none) == np.inf
    assert level(pairs, none, none) == 0.5
    assert level(pairs, none, across) < expected
    assert level(np.linspace(0, 0.8, 100), none, across) == np.inf
    assert level(np.full(9, 0.97), across, none) == 0.5
    # Many of the pairs of different videos show one person: no co-occurring pair does.
    same = np.sort(np.append(across, np.full(1000, 0.95)))
    assert level(pairs, same, none) == np.inf
    assert level(pairs, same, across) == expected


def test_evidence_of_all_videos_counts():
    none = np.empty(0)
    across = np.linspace(0, 1, 1001)
    one = np.array([0.97])
    # A single pair may be similar by chance, in one video of sixty it must be.
    chance = [np.array([x]) for x in np.linspace(0, 0.97, 60)]
    assert with_evidence([0.5], [one], [none], across) == [0.5]
    assert with_evidence([0.5] * 60, chance, [none] * 60, across)[-1] == np.inf
    assert with_evidence([0.5] * 60, [one] * 60, [none] * 60, across) == [0.5] * 60
