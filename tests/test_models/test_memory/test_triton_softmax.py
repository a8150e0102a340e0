from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from dynamix.models.memory import softmax_backend, streamed_softmax_loss
from dynamix.models.memory.softmax_backend import check_backend, use_triton

from .interpreted_kernel import CASES, arguments, differences, too_long

pytestmark = pytest.mark.skipif(
    softmax_backend.triton_missing() is not None, reason='needs Triton'
)
needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a CUDA device'
)
# Of sums; half precision rounds the products of the anchors.
SLACK = {torch.float32: 2e-6, torch.float16: 1e-4}


@pytest.fixture(scope='module')
def interpreted() -> dict[str, Any]:
    """What the kernel gives in Triton's interpreter, in a process of its own."""
    done = subprocess.run(
        [sys.executable, '-m', f'{__package__}.interpreted_kernel'],
        env=dict(os.environ, TRITON_INTERPRET='1', OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
        check=False,
    )
    if 'only 0-dimensional arrays can be converted' in done.stderr:
        pytest.skip('the interpreter of this Triton fails with NumPy 2.4 or later')
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize('name', CASES)
def test_kernel_agrees_with_pytorch(name: str, interpreted: dict[str, Any]) -> None:
    slack = SLACK[CASES[name][0]]
    assert interpreted[name]['loss'] < slack * (20 if 't' in CASES[name][-1] else 1)
    assert interpreted[name]['gradient'] < slack


def test_vectors_that_are_too_long_give_no_number(interpreted: dict[str, Any]) -> None:
    assert interpreted['too_long'] == [False, True, False]


def test_what_the_kernel_cannot_do_is_left_to_pytorch(
    interpreted: dict[str, Any],
) -> None:
    assert interpreted['passes'] == dict(
        default=True, no_gradient=True, topk=False, double=False, cold=False
    )


def test_rows_of_a_chunk() -> None:
    from dynamix.models.memory.triton_softmax import chunk_rows

    assert chunk_rows(256, 768, None) == 65536
    assert chunk_rows(96, 768, None) == 174592
    assert chunk_rows(1, 768, None) == 2**18
    assert chunk_rows(10_000, 768, None) == 8192
    assert chunk_rows(256, 768, 100) == 100
    assert chunk_rows(0, 4, 1) == 1
    # Numbers of elements that the kernel counts in 32 bits.
    assert chunk_rows(256, 2048, 10**9) * 2048 < 2**31
    assert chunk_rows(4096, 8, 10**9) * 4096 < 2**31


@pytest.mark.parametrize('even', [True, False])
@pytest.mark.parametrize(
    ('anchors', 'storage'),
    [('bf16', 'bf16'), ('bf16', 'fp32'), ('fp32', 'bf16'), ('fp32', 'fp32')],
)
def test_kernel_compiles_for_hopper(
    anchors: str, storage: str, even: bool, tmp_path: Path
) -> None:
    import triton.backends.nvidia
    from triton import compile as compile_kernel
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from dynamix.models.memory import triton_softmax

    kernel = triton_softmax._exp_logits
    sizes = dict(bf16=2, fp32=4)
    blocks = triton_softmax.block_sizes(
        256, 768 if even else 771, sizes[anchors], sizes[storage]
    )
    options = {key: blocks.pop(key) for key in ('num_warps', 'num_stages')}
    constants = dict(HAS_VALID=True, WITH_PARTS=True, EVEN_DIM=even, **blocks)
    pointers = dict(
        query=f'*{anchors}',
        centroids=f'*{storage}',
        valid='*u8',
        excluded='*i64',
        parts=f'*{anchors}',
        totals='*fp32',
    )
    types = dict.fromkeys(kernel.arg_names, 'i32') | pointers | {'largest': 'fp32'}
    types |= dict.fromkeys(constants, 'constexpr')
    aligned = [*pointers, 'stride', *(['dim'] if even else [])]
    source = ASTSource(
        kernel,
        types,
        constants,
        {(kernel.arg_names.index(n),): [['tt.divisibility', 16]] for n in aligned},
    )
    compiled = compile_kernel(source, GPUTarget('cuda', 90, 32), options=options)
    assert ('wgmma.mma_async' in compiled.asm['ptx']) == (anchors == 'bf16')
    # An H100 has 227 KiB of shared memory for a program.
    assert compiled.metadata.shared <= 227 * 1024
    (tmp_path / 'kernel').write_bytes(compiled.asm['cubin'])
    tools = Path(triton.backends.nvidia.__file__).parent / 'bin'
    usage = subprocess.run(
        [tools / 'cuobjdump', '--dump-resource-usage', tmp_path / 'kernel'],
        capture_output=True,
        text=True,
        check=True,
    )
    [stack] = re.findall(r'STACK:(\d+)', usage.stdout)
    assert int(stack) <= 64, 'registers spill'


@pytest.mark.parametrize(
    ('backend', 'expected'), [('torch', False), ('auto', False), ('triton', True)]
)
def test_choice_on_a_cpu(backend: str, expected: bool) -> None:
    rows = torch.empty(softmax_backend.LEAST_ROWS, 8, dtype=torch.bfloat16)
    assert use_triton(backend, rows[:2], rows, 0.5, None) == expected


@pytest.mark.parametrize(
    ('dtype', 'rows', 'capability', 'temperature', 'expected'),
    [
        (torch.bfloat16, 65536, 9, 0.5, True),
        (torch.float16, 65536, 10, 0.5, True),
        (torch.float16, 65536, 9, 0.1, False),
        (torch.float32, 65536, 9, 0.5, False),
        (torch.bfloat16, 65535, 9, 0.5, False),
        (torch.bfloat16, 65536, 8, 0.5, False),
        (torch.bfloat16, 65536, 9, 0.01, False),
    ],
)
def test_auto_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    rows: int,
    capability: int,
    temperature: float,
    expected: bool,
) -> None:
    class Stand:
        device = torch.device('cuda')

        def __len__(self) -> int:
            return rows

    query = Stand()
    query.dtype = dtype  # type: ignore[attr-defined]
    monkeypatch.setattr(
        torch.cuda, 'get_device_capability', lambda device: (capability, 0)
    )
    assert use_triton('auto', query, query, temperature, None) == expected  # type: ignore[arg-type]
    monkeypatch.setattr(softmax_backend, '_failed', True)
    assert not use_triton('auto', query, query, temperature, None)  # type: ignore[arg-type]


def test_a_kernel_that_fails_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from dynamix.models.memory import triton_softmax

    calls = []

    def broken(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        raise RuntimeError('no compiler')

    def on_gpu(backend: str, *args: Any) -> bool:
        return backend == 'auto' and not softmax_backend._failed

    monkeypatch.setattr(triton_softmax, 'exp_sums', broken)
    monkeypatch.setattr(softmax_backend, 'use_triton', on_gpu)
    monkeypatch.setattr(softmax_backend, '_failed', False)
    features, centroids, positives, keywords = arguments(CASES['plain'], 'cpu')
    expected = streamed_softmax_loss(
        features.double(), centroids, positives, backend='torch', **keywords
    )
    for _ in range(2):
        loss = streamed_softmax_loss(
            features, centroids, positives, backend='auto', **keywords
        )
        torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    assert len(calls) == 1


def test_names_of_backends() -> None:
    with pytest.raises(ValueError, match="'auto', 'torch', 'triton'"):
        check_backend('cuda', torch.device('cpu'))
    with pytest.raises(RuntimeError, match='needs a CUDA device'):
        check_backend('triton', torch.device('cpu'))


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize('storage', [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize('products', [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize('shape', [(256, 70_001, 768), (96, 300, 100), (8, 999, 2048)])
def test_on_a_gpu(
    shape: tuple[int, int, int], products: torch.dtype, storage: torch.dtype
) -> None:
    case = (products, storage, *shape, None, {'masked': True, 'sets': True})
    kernel = differences(case, 'cuda')
    plain = differences(case, 'cuda', backend='torch')
    for name in ('loss', 'gradient'):
        assert kernel[name] < max(2 * plain[name], SLACK[torch.float32] * 5), name


@pytest.mark.gpu
@needs_gpu
def test_vectors_that_are_too_long_on_a_gpu() -> None:
    assert too_long('cuda') == [False, True, False]


@pytest.mark.gpu
@needs_gpu
def test_batches_of_other_sizes_compile_nothing_new() -> None:
    from dynamix.models.memory.triton_softmax import _exp_logits

    def run(batch: int, count: int) -> None:
        case = (torch.bfloat16, torch.bfloat16, batch, count, 768, 300, {})
        differences(case, 'cuda')

    run(96, 1000)
    (cache,) = (entry[0] for entry in _exp_logits.device_caches.values())
    known = len(cache)
    for batch, count in ((97, 1001), (128, 4096), (65, 999)):
        run(batch, count)
    assert len(cache) == known
