import pytest
import torch

from dynamix.models import BNNeck

GEM = dict(type='mmpretrain.GeneralizedMeanPooling', p=3.0)


def test_pools_and_normalises_by_hand():
    neck = BNNeck(2, pooling=GEM)
    x = torch.rand(4, 2, 3, 5)
    pooled = x.pow(3).mean((2, 3)).pow(1 / 3)
    expected = (pooled - pooled.mean(0)) / (pooled.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(neck(x), expected)
    # a tuple comes back as one, as MMPretrain's heads take it
    (last,) = neck((torch.rand(4, 9, 6, 10), x))
    torch.testing.assert_close(last, expected)


def test_shift_is_frozen_and_scale_learns():
    neck = BNNeck(8)
    neck(torch.rand(4, 8)).sum().backward()
    assert neck.norm.bias.grad is None
    assert neck.norm.weight.grad is not None
    assert not neck.norm.bias.any()


def test_other_norm_layer():
    neck = BNNeck(8, norm_cfg=dict(type='LN'))
    out = neck(torch.rand(1, 8))
    torch.testing.assert_close(out.mean(), torch.tensor(0.0), atol=1e-6, rtol=0)


def test_wrong_length_is_named():
    with pytest.raises(ValueError, match=r'in_channels is 8.*\(4, 6\)'):
        BNNeck(8)(torch.rand(4, 6))
    with pytest.raises(ValueError, match=r'\(4, 8, 2, 2\), but neck.pooling is None'):
        BNNeck(8)(torch.rand(4, 8, 2, 2))


def test_tokens_give_the_class_token_or_pooled_patches():
    tokens = torch.rand(4, 7, 8)
    torch.testing.assert_close(BNNeck(8)(tokens), BNNeck(8)(tokens[:, 0]))
    neck = BNNeck(8, pooling=GEM, num_extra_tokens=3)
    patches = tokens[:, 3:].mT.unflatten(2, (2, 2))
    torch.testing.assert_close(neck(tokens), neck(patches))
