"""What goes wrong in a run is said, and what was good before it is kept."""

import shutil

import pytest
import torch

from tests.toy import toy_cfg, train


def test_infinite_loss_stops_and_keeps_the_last_checkpoint(crops, tmp_path):
    cfg = toy_cfg(
        crops,
        tmp_path,
        'nan',
        **{'optim_wrapper.optimizer': dict(type='SGD', lr=1.0)},
    )
    cfg.param_scheduler = dict(
        type='MultiStepLR', by_epoch=True, milestones=[1], gamma=1e30
    )
    with pytest.raises(FloatingPointError, match=r'last checkpoint is .*epoch_1\.pth'):
        train(cfg)
    kept = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    assert all(value.isfinite().all() for value in kept.values())
    assert not (tmp_path / 'epoch_2.pth').exists()


def test_unreadable_images_are_named_or_skipped_as_the_config_says(crops, tmp_path):
    root = tmp_path / 'broken'
    shutil.copytree(crops, root)
    for image in (root / 'videos').rglob('*.png'):
        image.write_bytes(image.read_bytes()[:60])
    with pytest.raises(ValueError, match=r'videos/v\d/t\d/\d\.png'):
        train(toy_cfg(root, tmp_path / 'named', 'unreadable'))
    cfg = toy_cfg(root, tmp_path / 'skipped', 'skipped')
    cfg.train_dataloader.dataset.pipeline[0].skip_unreadable = True
    cfg.train_cfg.max_epochs = 1
    train(cfg)
    [log] = (tmp_path / 'skipped').glob('*/*.log')
    assert 'Skipped: the image' in log.read_text()
