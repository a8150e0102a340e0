from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch

from dynamix.evaluation import ranking, reid_metric
from dynamix.structures import ReIDDataSample
from tests.gloo_ranks import run_ranks

from .samples import make_samples, run

OPTIONS = dict(
    cosine=dict(),
    refined=dict(
        query_expansion=dict(topk=2, alpha=1.0), rerank=dict(k1=5), prefix='refined'
    ),
)


def evaluate_all(parts: dict[str, list], folder: Path) -> dict[str, object]:
    """Scores and files of queries, by how images are dealt out and by options."""
    found: dict[str, object] = {}
    for dealt, samples in parts.items():
        for name, options in OPTIONS.items():
            file = folder / f'{dealt}_{name}.csv'
            found[file.name] = run(samples, per_query=str(file), **options)
    return found


def drawn_samples() -> list[ReIDDataSample]:
    """Products of such features depend on the block in which they are computed."""
    samples = make_samples(size=121, splits=3)
    for sample in samples:
        generator = torch.Generator().manual_seed(sample.image_index)
        sample.feature = torch.randn(67, generator=generator)
    return samples


def evaluate_on_rank(rank: int, count: int, folder: Path) -> dict[str, object]:
    ranking.BLOCK_BYTES = BLOCK_BYTES
    samples = drawn_samples()
    padded = [*samples, samples[0]]
    parts = dict(
        turns=padded[rank::2],
        # an odd order, as of a sampler that deals out whole chunks
        chunks=padded[:61] if rank else padded[61:],
        alone=[] if rank else samples,
    )
    outcome = evaluate_all(parts, folder)
    samples[8].feature[:] = math.nan
    for name in ('not finite', 'failing'):
        with pytest.raises((ValueError, RuntimeError, OSError)) as error:
            run(samples[rank::2])
        outcome[name] = f'{error.type.__name__}: {error.value}'
        samples = drawn_samples()
        if rank == 1:
            reid_metric.rank_block = no_memory
    return outcome


def no_memory(*_):
    raise OSError('no memory on rank 1')


BLOCK_BYTES = 4 * 61 * 7


def test_two_processes_score_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(ranking, 'BLOCK_BYTES', BLOCK_BYTES)
    alone = {name: drawn_samples() for name in ('turns', 'chunks', 'alone')}
    (tmp_path / 'two').mkdir()
    expected = evaluate_all(alone, tmp_path)
    for rank, outcome in enumerate(run_ranks(2, evaluate_on_rank, tmp_path / 'two')):
        for file, scores in expected.items():
            assert outcome[file] == scores
        assert outcome['not finite'].startswith('ValueError')
        assert 'shop/8.jpg' in outcome['not finite']
        kind = 'OSError' if rank else 'RuntimeError: ranking .* failed on rank 1.*'
        assert re.fullmatch(f'{kind}: no memory on rank 1', outcome['failing'])
    for file in expected:
        assert (tmp_path / 'two' / file).read_bytes() == (tmp_path / file).read_bytes()
