from __future__ import annotations

import pytest
import torch

from dynamix.models import OSNet


def test_one_map_of_stride_16() -> None:
    (found,) = OSNet(0.25)(torch.rand(2, 3, 64, 32))
    assert found.shape == (2, 128, 4, 2)


def test_an_unknown_variant_is_named() -> None:
    with pytest.raises(ValueError, match=r"variant must be .* got 'IN'"):
        OSNet(variant='IN')
