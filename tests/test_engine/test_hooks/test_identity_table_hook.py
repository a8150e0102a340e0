from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from dynamix.datasets.samplers import Composition
from dynamix.engine.hooks import IdentityTableHook
from dynamix.structures import IdentityTable

TABLE = IdentityTable(np.array([0, 0, 1, 1, 2, 2]), 4, 2)


class Head:
    """Keeps what it is bound to."""

    bound: tuple[Any, ...] = ()

    def bind(self, *given: Any) -> None:
        self.bound = given


def runner(loop: type = EpochBasedTrainLoop, **sampler: Any) -> SimpleNamespace:
    """A runner of cardboard, about to train."""
    train_loop = loop.__new__(loop)
    dataset = SimpleNamespace(
        identity_table=TABLE, camera=np.zeros(6, int), scene=np.arange(6)
    )
    given = dict(
        rank_batch_size=4,
        global_batch_size=4,
        seed=3,
        iterations=9,
        composition=Composition({}, dict(videos=2)),
    )
    train_loop.dataloader = SimpleNamespace(
        dataset=dataset,
        batch_size=4,
        sampler=SimpleNamespace(**{**given, **sampler}),
    )
    return SimpleNamespace(
        _train_loop=train_loop, model=SimpleNamespace(head=Head()), _resume=True
    )


def test_binds_the_head_to_the_data() -> None:
    it = runner()
    IdentityTableHook().before_run(it)
    table, camera, scene = it.model.head.bound
    assert table is TABLE
    assert camera.tolist() == [0] * 6
    assert scene.tolist() == [*range(6)]


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (dict(loop=IterBasedTrainLoop), 'by_epoch=True, but the loop is a IterBased'),
        (dict(rank_batch_size=8), 'batch_size is 4, but .* needs 8'),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IdentityTableHook().before_run(runner(**given))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(seed=4), r'randomness\.seed .*\(4, now 3\)'),
        (dict(iterations=5), r'train_dataloader\.sampler\.iterations \(5, now 9\)'),
        (dict(cameras=1), r'cameras of the training images \(1, now '),
    ],
)
def test_another_stream_of_batches_is_not_resumed(
    change: dict[str, int], message: str
) -> None:
    hook, it = IdentityTableHook(), runner()
    hook.before_run(it)
    checkpoint: dict[str, Any] = {}
    hook.before_save_checkpoint(it, checkpoint)
    hook.after_load_checkpoint(it, checkpoint)
    checkpoint['sampler'] |= change
    with pytest.raises(ValueError, match=message):
        hook.after_load_checkpoint(it, checkpoint)
    del checkpoint['identity_table']
    with pytest.raises(ValueError, match='no `identity_table`'):
        hook.after_load_checkpoint(it, checkpoint)
