"""A run on an accelerator: the values of the CPU, and a host that never waits."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from mmengine.dataset import default_collate
from mmengine.hooks import Hook
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner

from dynamix.engine import RelabelHook
from dynamix.engine.command_line import ToolRunner
from dynamix.engine.optim_wrappers import bfloat16_optim_wrapper
from dynamix.registry import HOOKS
from tests.toy import toy_cfg

from .simulated_device import NAME, DeviceTensor, Wait, simulated_device

ITERATIONS = 8
LOG = 4


@HOOKS.register_module()
class StepWaitsHook(Hook):
    """Takes down what the host waited for in each iteration, with its hooks."""

    priority = 'LOWEST'
    waits: ClassVar[list[Wait]] = []
    steps: ClassVar[dict[int, list[str]]] = {}

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self.steps[runner.iter] = [str(wait) for wait in self.waits]
        self.waits.clear()


@FUNCTIONS.register_module()
def collate_pinned(data_batch: Any) -> Any:
    """Batches as a loader with ``pin_memory`` hands them out, as the device knows."""
    batch = default_collate(data_batch)
    for view in batch['inputs']:
        view.is_pinned_here = True
    return batch


def run(crops: Path, folder: Path, name: str, **options: Any) -> Runner:
    cfg = toy_cfg(crops, folder / name, name)
    cfg.train_dataloader.sampler.iterations = ITERATIONS
    cfg.default_hooks.logger.interval = LOG
    cfg.train_cfg.max_epochs = 2
    cfg.train_cfg.val_interval = 2
    cfg.custom_hooks[0].start = 1
    cfg.model.data_preprocessor.bgr_to_rgb = True
    cfg.train_dataloader.collate_fn = dict(type='collate_pinned')
    cfg.merge_from_dict(options)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='StepWaitsHook')]
    runner = ToolRunner.from_cfg(cfg)
    runner.train()
    return runner


def outcome(runner: Runner) -> dict[str, np.ndarray]:
    hub = runner.message_hub
    [hook] = [hook for hook in runner.hooks if isinstance(hook, RelabelHook)]
    assert hook.bank is not None
    values = {
        name: hub.get_scalar(name).data[0]
        for name in hub.log_scalars
        if any(part in name for part in ('loss', 'grad_norm', 'mAP'))
    }
    table = runner.train_dataloader.dataset.identity_table
    bank = hook.bank.embedding[np.arange(len(hook.bank))]
    return dict(values, identity=table.identity, bank=bank)


def waits_of_quiet_steps() -> dict[int, list[str]]:
    """By iteration, without the first of an epoch and those that log.

    The first begins with what is done between epochs, the others read the losses.
    """
    return {
        k: waits
        for k, waits in StepWaitsHook.steps.items()
        if waits and k % ITERATIONS and (k + 1) % LOG
    }


def centroid_loss(**options: Any) -> dict:
    return {'model.head.losses': dict(centroid=dict(type='CentroidLoss', **options))}


VARIANTS: dict[str, dict[str, Any]] = dict(
    plain={},
    bank_on_the_device={'custom_hooks.0.bank': dict(device=NAME)},
    extraction={
        'custom_hooks.0.extract': dict(
            pipeline=[
                dict(type='LoadReIDImage'),
                dict(type='Resize', scale=(16, 32)),
                dict(type='PackReIDInputs'),
            ],
            num_workers=0,
        )
    },
    sampled_negatives=centroid_loss(negative_fraction=0.5),
    narrow_memory={'model.head.memory.dtype': 'float16'},
    channels_last={'model.channels_last': True},
    batch_norm={'model.backbone.norm_cfg': dict(type='BN', _delete_=True)},
    vision_transformer={
        'model.backbone': dict(
            _delete_=True,
            type='mmpretrain.VisionTransformer',
            arch=dict(
                embed_dims=64, num_layers=2, num_heads=2, feedforward_channels=64
            ),
            img_size=(32, 16),
            patch_size=8,
            drop_path_rate=0.1,
        ),
        'model.neck.pooling': None,
    },
    clipped_gradient={
        'optim_wrapper.type': 'BFloat16OptimWrapper',
        'optim_wrapper.clip_grad': dict(max_norm=1.0),
    },
)


@pytest.mark.parametrize('variant', VARIANTS)
def test_a_run_on_a_device_is_the_run_on_the_cpu(
    variant: str, crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # autocast knows real devices alone
    monkeypatch.setattr(bfloat16_optim_wrapper, 'autocast', lambda dtype: nullcontext())
    options = VARIANTS[variant]
    host = {k: v for k, v in options.items() if 'bank' not in k}
    expected = outcome(run(crops, tmp_path, f'{variant}_cpu', **host))
    StepWaitsHook.steps.clear()
    with simulated_device(StepWaitsHook.waits):
        runner = run(crops, tmp_path, f'{variant}_device', **options)
        assert isinstance(next(runner.model.encoder.parameters()), DeviceTensor)
        found = outcome(runner)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert np.isfinite(values).all()
        # the bank is of float16
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-3)
    assert len(found['train/loss']) == 2 * ITERATIONS
    assert ('train/grad_norm' in found) == (variant == 'clipped_gradient')

    assert not waits_of_quiet_steps()
    assert StepWaitsHook.steps[LOG - 1]


@pytest.mark.parametrize('bank', ['cpu', NAME])
def test_a_run_that_was_killed_goes_on_as_the_one_that_was_not(
    bank: str, crops: Path, tmp_path: Path
) -> None:
    options = {'custom_hooks.0.bank': dict(device=bank)}
    with simulated_device(StepWaitsHook.waits):
        whole = run(crops, tmp_path, f'{bank}_whole', **options)
        expected = outcome(whole)
        first = Path(whole.work_dir) / 'epoch_1.pth'
        StepWaitsHook.steps.clear()
        again = dict(resume=True, load_from=str(first), **options)
        found = outcome(run(crops, tmp_path, f'{bank}_resumed', **again))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert StepWaitsHook.steps.keys() == set(range(ITERATIONS, 2 * ITERATIONS))
    assert not waits_of_quiet_steps()
