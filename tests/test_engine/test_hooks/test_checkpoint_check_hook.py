from types import SimpleNamespace

import pytest
import torch
from torch import nn

from dynamix.engine import CheckpointCheckHook


def check(weights, resume=False, training=True):
    model = nn.ModuleDict(dict(encoder=nn.Linear(2, 3), head=nn.Linear(4, 4)))
    runner = SimpleNamespace(
        model=model,
        _resume=resume,
        _load_from='some.pth',
        _train_loop=SimpleNamespace(dataloader=None) if training else {},
    )
    CheckpointCheckHook().after_load_checkpoint(runner, dict(state_dict=weights))


GOOD = {'encoder.weight': torch.zeros(3, 2), 'encoder.bias': torch.zeros(3)}


def test_fitting_checkpoints_pass_whatever_the_head_holds():
    check(GOOD, resume=True)
    check({f'module.{key}': value for key, value in GOOD.items()}, training=False)
    check({**GOOD, 'head.weight': torch.zeros(9, 9)}, resume=True)


def test_other_shape_is_named():
    with pytest.raises(
        ValueError, match=r"some.pth .* 'encoder.weight': \[5, 2\] .*\[3, 2\]"
    ):
        check({**GOOD, 'encoder.weight': torch.zeros(5, 2)})


def test_missing_weights_are_an_error_except_for_a_start():
    part = {'encoder.weight': torch.zeros(3, 2)}
    check(part)
    with pytest.raises(ValueError, match=r"1 of 2 .*'encoder\.bias': absent in the ch"):
        check(part, resume=True)
    with pytest.raises(ValueError, match=r"1 of 2 .*'encoder\.bias': absent in the ch"):
        check(part, training=False)


def test_weights_that_the_model_lacks_are_an_error_except_for_a_start():
    more = {**GOOD, 'deeper.bias': torch.zeros(3)}
    check(more)
    with pytest.raises(ValueError, match=r"1 of 3 .*'deeper\.bias'.* absent in the m"):
        check(more, resume=True)


def test_nothing_fits():
    with pytest.raises(ValueError, match=r'no weight of some\.pth fits'):
        check({'conv1.weight': torch.zeros(1)})
