import pytest
import torch
from torch import nn

from dynamix.models import MomentumEncoder
from dynamix.registry import MODELS


def make_encoder():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten()
    )


def perturb(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_average_is_the_formula():
    torch.manual_seed(0)
    encoder = make_encoder()
    average = MomentumEncoder(encoder, momentum=0.1)
    perturb(encoder)
    average.update_parameters(encoder)
    expected = {k: p.detach().clone() for k, p in encoder.named_parameters()}
    for _ in range(5):
        perturb(encoder)
        average.update_parameters(encoder)
        for key, p in encoder.named_parameters():
            expected[key] = 0.9 * expected[key] + 0.1 * p.detach()
    for key, p in average.module.named_parameters():
        torch.testing.assert_close(p, expected[key])
        assert not p.requires_grad


def test_statistics_are_its_own_and_dropout_never_acts():
    encoder = make_encoder()
    average = MomentumEncoder(encoder)
    average.update_parameters(encoder)
    average.train()
    x = torch.rand(8, 3, 8, 8)
    torch.testing.assert_close(average(x), average(x))
    own = average.module[1].running_mean.clone()
    encoder.train()(10 * x)
    average.update_parameters(encoder)
    torch.testing.assert_close(average.module[1].running_mean, own)
    average.eval()
    assert not average.module[1].training
    assert not average.training


def test_follows_a_move_of_dtype_and_goes_on_after_loading():
    encoder = make_encoder()
    average = MomentumEncoder(encoder, momentum=0.5)
    average.to(torch.float64)
    encoder.to(torch.float64)
    average.update_parameters(encoder)
    other = MomentumEncoder(make_encoder().double(), momentum=0.5)
    other.load_state_dict(average.state_dict())
    perturb(encoder)
    average.update_parameters(encoder)
    other.update_parameters(encoder)
    for a, b in zip(average.parameters(), other.parameters()):
        assert torch.equal(a, b)


@pytest.mark.parametrize('option', [dict(frozen_stages=1), dict(norm_eval=True)])
def test_what_the_backbone_keeps_from_training_stays_so(option):
    encoder = MODELS.build(
        dict(type='mmpretrain.ResNet', depth=18, base_channels=4, **option)
    )
    average = MomentumEncoder(encoder)
    encoder.train()
    average.train()
    norms = [
        (ours.training, theirs.training)
        for ours, theirs in zip(average.module.modules(), encoder.modules())
        if isinstance(ours, nn.BatchNorm2d)
    ]
    assert not all(theirs for _, theirs in norms)
    assert all(ours == theirs for ours, theirs in norms)


def test_a_decay_in_place_of_the_momentum_is_named():
    with pytest.raises(ValueError, match=r'write 0\.001'):
        MomentumEncoder(nn.Linear(1, 1), momentum=0.999)
