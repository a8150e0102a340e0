from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from dynamix.models import ReIDEncoder

from .torchreid import make_osnet, run_osnet

MODEL = Path(__file__).parents[3] / 'configs/_base_/models/osnet_x0_25.py'
CHANNELS = {
    1.0: (64, 256, 384, 512),
    0.75: (48, 192, 288, 384),
    0.5: (32, 128, 192, 256),
    0.25: (16, 64, 96, 128),
}


def build(path: Path, width: float = 0.25, variant: str = 'plain') -> ReIDEncoder:
    model = Config.fromfile(MODEL).model
    backbone = dict(model.backbone, widen_factor=width, variant=variant)
    backbone['init_cfg'] = dict(type='Pretrained', checkpoint=f'reid://{path}')
    neck = dict(model.neck, in_channels=CHANNELS[width][-1])
    neck['init_cfg'] = dict(type='Pretrained', checkpoint=f'reid-neck://{path}')
    encoder = ReIDEncoder(backbone, neck)
    encoder.init_weights()
    return encoder.eval()


@torch.no_grad()
def test_features_equal_the_onnx_file_of_the_same_weights(real_data: Path) -> None:
    path = real_data / 'weights' / 'osnet_x0_25_msmt17.pth'
    images = torch.randn(2, 3, 256, 128, generator=torch.Generator().manual_seed(0))
    network = cv2.dnn.readNetFromONNX(str(path.with_suffix('.onnx')))
    network.setInput(images.numpy())
    expected = torch.from_numpy(network.forward())
    assert expected.shape == (2, 512)
    torch.testing.assert_close(build(path)(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('width', 'variant'),
    [(0.25, 'plain'), (0.5, 'ibn'), (0.75, 'ain'), (1.0, 'plain')],
)
@torch.no_grad()
def test_features_of_each_variant(width: float, variant: str, tmp_path: Path) -> None:
    weights = make_osnet(CHANNELS[width], variant)
    torch.save(weights, tmp_path / 'osnet.pth')
    images = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    found = build(tmp_path / 'osnet.pth', width, variant)(images)
    expected = run_osnet(weights, variant, images)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('wrapper', 'classifier'),
    [('module.', True), ('module.', False), ('', False), (None, True)],
)
def test_wrappers_of_training_scripts(
    wrapper: str | None, classifier: bool, tmp_path: Path, logged: list[str]
) -> None:
    weights = make_osnet(CHANNELS[0.25], 'plain')
    stored: dict = {
        f'{wrapper or ""}{name}': weight
        for name, weight in weights.items()
        if classifier or not name.startswith('classifier')
    }
    if wrapper is None:
        stored = dict(state_dict=stored, epoch=60, rank1=0.5, optimizer=dict(state={}))
    torch.save(stored, tmp_path / 'osnet.pth')
    encoder = build(tmp_path / 'osnet.pth')
    torch.testing.assert_close(encoder.neck.fc.weight, weights['fc.0.weight'])
    gate: Tensor = encoder.backbone.conv4[1].gate.conv2.conv.bias
    torch.testing.assert_close(gate, weights['conv4.1.gate.fc2.bias'])
    line = next(line for line in logged if line.startswith('OSNet of'))
    assert f'left out: {"classifier (2), " if classifier else ""}fc (7)' in line


@pytest.mark.parametrize(('width', 'variant'), [(0.5, 'plain'), (0.25, 'ibn')])
def test_another_width_or_variant_is_refused(
    width: float, variant: str, tmp_path: Path
) -> None:
    torch.save(make_osnet(CHANNELS[0.25], 'plain'), tmp_path / 'osnet.pth')
    with pytest.raises(ValueError, match=r'osnet\.pth does not fit the OSNet'):
        build(tmp_path / 'osnet.pth', width, variant)
