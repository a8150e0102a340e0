from types import SimpleNamespace

import pytest
import torch

from dynamix.engine import LossGuardHook


def run(iteration, loss, last=None, interval=5, weight=1.0):
    model = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(model.weight, weight)
    runner = SimpleNamespace(
        model=model,
        iter=iteration,
        epoch=iteration // 20,
        train_dataloader=range(20),
        message_hub=SimpleNamespace(get_info=lambda key, default: last or default),
    )
    outputs = dict(loss=torch.tensor(loss), loss_centroid=torch.tensor(loss))
    LossGuardHook(interval).after_train_iter(runner, iteration % 20, {}, outputs)


@pytest.mark.parametrize('loss', [float('nan'), float('inf')])
def test_stops_and_says_where_to_go_on(loss):
    with pytest.raises(
        FloatingPointError, match=r'iteration 25 .epoch 2.*epoch_1\.pth'
    ):
        run(24, loss, last='epoch_1.pth')
    with pytest.raises(FloatingPointError, match=r'loss_centroid.*checkpoint is none'):
        run(4, loss)


def test_looks_at_intervals_and_at_the_end_of_an_epoch():
    run(4, 1.0)
    run(5, float('nan'))
    with pytest.raises(FloatingPointError):
        run(19, float('nan'), interval=7)


@pytest.mark.parametrize('weight', [float('nan'), float('inf')])
def test_weights_that_the_last_step_broke_are_found(weight):
    with pytest.raises(FloatingPointError, match=r'the weights are not finite'):
        run(19, 1.0, interval=7, weight=weight)


def test_bad_interval():
    with pytest.raises(ValueError, match='interval'):
        LossGuardHook(0)
