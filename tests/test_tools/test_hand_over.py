"""The tools that hand a model over, as users run them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader

from dynamix.apis import ReIDInferencer

from .conftest import load_tool, run


def test_export_onnx(trained, people, tmp_path, capsys):
    out = tmp_path / 'new' / 'small.onnx'
    flip = ('--cfg-options', 'model.test_cfg.flip=True')
    run('deployment/export_onnx.py', *trained, out, *flip)
    printed = capsys.readouterr().out
    assert 'checking it with 6 images of the test data' in printed
    assert 'equal images among the first ten found: 100.00 %' in printed
    assert 'input_size: [64, 32]' in printed
    paths = sorted(people.rglob('*.png'))
    found, expected = ReIDInferencer(out, device='cpu'), ReIDInferencer(*trained)
    np.testing.assert_allclose(found(paths), expected(paths), atol=1e-5)
    assert found.fingerprint == expected.fingerprint
    assert [path.name for path in out.parent.iterdir()] == ['small.onnx']


def test_a_file_that_differs_is_not_written(trained, people, tmp_path, capsys):
    # The file says nothing of how images are resized: it means bilinear.
    other = 'test_dataloader.dataset.pipeline.1.interpolation=nearest'
    out = tmp_path / 'new' / 'small.onnx'
    options = ('--check', people, '--cfg-options', other)
    with pytest.raises(SystemExit, match=r'small\.onnx is not written: it would not'):
        run('deployment/export_onnx.py', *trained, out, *options)
    assert f'checking it with 6 images of {people}' in capsys.readouterr().out
    assert not [*out.parent.iterdir()]


def test_drawn_people_stand_in_for_data(trained, people, tmp_path, monkeypatch):
    people.rename(tmp_path / 'elsewhere')
    monkeypatch.setattr('sys.argv', ['tool', *map(str, trained), 'small.onnx'])
    args = load_tool('deployment/export_onnx.py').parse_args()
    assert args.source == 'drawn people, as the test data are not there'
    assert len(args.images) == 128
    assert args.images[0].shape == (64, 32, 3)


def test_bad_input_of_the_export(trained, tmp_path, refusal):
    config, checkpoint = trained
    (tmp_path / 'empty').mkdir()
    for arguments, message in (
        ((config, checkpoint, 'a.pt'), 'expected a file that ends in .onnx'),
        ((config, checkpoint, 'a.onnx', '--batch-size', 0), 'expected at least 1'),
        ((config, checkpoint, 'a.onnx', '--opset', 17), 'invalid choice'),
        ((config, tmp_path / 'none.pth', 'a.onnx'), 'none.pth'),
        ((tmp_path / 'none.py', checkpoint, 'a.onnx'), 'none.py'),
        (
            (config, checkpoint, 'a.onnx', '--check', tmp_path / 'empty'),
            "empty' holds 0 images",
        ),
        ((config, checkpoint, 'a.onnx', '--check', config), 'there is no folder'),
    ):
        assert message in refusal('deployment/export_onnx.py', *arguments)


def test_publish_model(trained, people, tmp_path, capsys):
    config, checkpoint = trained
    run('model_converters/publish_model.py', checkpoint, tmp_path / 'small.pth')
    (path,) = tmp_path.glob('small-*.pth')
    assert f'wrote {path} of' in capsys.readouterr().out
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'small-{digest[:8]}.pth'
    published = torch.load(path, weights_only=True)
    assert published['meta'] == dict(epoch=7, iter=70)
    names = published['state_dict'].keys()
    assert all(name.startswith('momentum_encoder.') for name in names)
    # published again, under another name: the same content, so the same digits
    run('model_converters/publish_model.py', path, tmp_path / 'again.pth')
    assert (tmp_path / f'again-{digest[:8]}.pth').is_file()

    found = ReIDInferencer(config, path, device='cpu')
    expected = ReIDInferencer(config, checkpoint, device='cpu')
    paths = [*people.rglob('*.png')]
    np.testing.assert_array_equal(found(paths), expected(paths))
    assert found.fingerprint == expected.fingerprint
    for weight, average in zip(
        found.model.encoder.parameters(), found.model.momentum_encoder.parameters()
    ):
        assert torch.equal(weight, average)
    backbone = CheckpointLoader.load_checkpoint(f'reid://{path}')['state_dict']
    own = expected.model.momentum_encoder.module.backbone.state_dict()
    assert backbone.keys() == own.keys()
    assert all(torch.equal(backbone[name], own[name]) for name in own)


def test_bad_input_of_publishing(trained, tmp_path, refusal):
    torch.save(dict(state_dict=dict(weight=torch.ones(1))), tmp_path / 'other.pth')
    for arguments, message in (
        ((tmp_path / 'other.pth', tmp_path / 'a.pth'), 'has no momentum encoder'),
        ((tmp_path / 'none.pth', tmp_path / 'a.pth'), 'none.pth'),
        ((trained[1], tmp_path / 'a'), 'expected a file that ends in .pth'),
        ((trained[0], tmp_path / 'a.pth'), 'or no checkpoint of PyTorch'),
    ):
        assert message in refusal('model_converters/publish_model.py', *arguments)
    assert not [*tmp_path.glob('a*')]
