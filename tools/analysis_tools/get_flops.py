"""Count parameters and FLOPs of a model at inference.

    python tools/analysis_tools/get_flops.py CONFIG [CONFIG ...]

Counts backbone and neck for one image of the config's size by
``mmengine.analysis``: one multiply-accumulate is one FLOP. Operations without a rule
there (normalization, activations, pooling, the products within attention) are left
out. No weights are loaded.
"""

from __future__ import annotations

import argparse

from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dynamix.models import ReIDEncoder


def count(cfg: Config) -> tuple[int, int, tuple[int, int]]:
    """Count FLOPs and parameters of a config's encoder.

    Args:
        cfg (Config): Has ``model`` and a ``test_dataloader`` that resizes images.

    Returns:
        tuple[int, int, tuple[int, int]]: FLOPs, parameters, and the images' (height,
        width).

    Raises:
        ValueError: If the test pipeline has no ``Resize``.
    """
    init_default_scope(cfg.default_scope)
    pipeline = cfg.test_dataloader.dataset.pipeline
    sizes = [step.scale for step in pipeline if step.type == 'Resize']
    if not sizes:
        raise ValueError(f'{cfg.filename}: test_dataloader has no Resize.')
    width, height = sizes[-1]
    encoder = ReIDEncoder(cfg.model.backbone, cfg.model.neck).eval()
    counted = get_model_complexity_info(
        encoder, (3, height, width), show_table=False, show_arch=False
    )
    return int(counted['flops']), int(counted['params']), (height, width)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', nargs='+', help='config files')
    for path in parser.parse_args().config:
        flops, parameters, (height, width) = count(Config.fromfile(path))
        print(f'{path}: {height} x {width}, FLOPs {flops}, Parameters {parameters}')


if __name__ == '__main__':
    main()
