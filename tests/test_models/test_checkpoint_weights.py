import pytest
import torch
from torch import nn

from dynamix.models.checkpoint_weights import checkpoint_weights

WEIGHTS = {
    'encoder.weight': torch.ones(3, 2),
    'encoder.bias': torch.ones(3),
    'scale': torch.ones(1),
}


class Head(nn.Linear):
    def state_dict(self, *args, **kwargs):
        raise AssertionError('the head would gather its memories')


def take(weights, **kwargs):
    model = nn.ModuleDict(dict(encoder=nn.Linear(2, 3), head=Head(4, 4)))
    model.scale = nn.Parameter(torch.zeros(1))
    return checkpoint_weights(weights, model, 'some.pth', 'a.py', **kwargs)


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('partly', [False, True])
def test_weights_are_taken_without_wrapper_and_head(prefix, partly):
    given = {f'{prefix}{key}': value for key, value in WEIGHTS.items()}
    given[f'{prefix}head.weight'] = torch.ones(9, 9)
    for checkpoint in (given, dict(state_dict=given, meta=dict(epoch=1))):
        assert take(checkpoint, partly=partly) == WEIGHTS


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'encoder.bias': torch.zeros(5)},
            r"1 of 3 .* first is 'encoder\.bias': \[5\] in the checkpoint, \[3\] in",
        ),
        ({'scale': None}, r"1 of 3 .* first is 'scale': absent in the checkpoint"),
        ({'more.bias': torch.zeros(2)}, r'1 of 4 .* \[2\] .* absent in the model'),
    ],
)
def test_the_first_weight_that_differs_is_named(changes, message):
    given = {k: v for k, v in {**WEIGHTS, **changes}.items() if v is not None}
    with pytest.raises(ValueError, match=rf'some\.pth does .* a\.py: {message}'):
        take(given)
    if 'encoder.bias' in changes:
        with pytest.raises(ValueError, match=r"1 of 3 .* 'encoder\.bias': \[5\]"):
            take(given, partly=True)
    else:
        assert take(given, partly=True).keys() == given.keys() & WEIGHTS.keys()


def test_weights_have_names():
    with pytest.raises(ValueError, match=r'some\.pth must .* but holds a list'):
        take([torch.zeros(1)])


def test_nothing_fits():
    message = r"no weight of some\.pth fits the model of a\.py: .*'fc\.bias'.*'encoder"
    with pytest.raises(ValueError, match=message):
        take({'fc.bias': torch.zeros(1)}, partly=True)
