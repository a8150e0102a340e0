from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

Block = TypeVar('Block')
Found = TypeVar('Found')

# Each holds a block of images.
MOST_THREADS = 8


def map_blocks(work: Callable[[Block], Found], blocks: Sequence[Block]) -> list[Found]:
    """Works on blocks, several at a time, each on one thread.

    Sorting and summing many small groups gains nothing from threads inside a product,
    which wait for each other busily; blocks side by side do, also where embeddings are
    on a GPU, as most of the work is not. As many as PyTorch has threads
    (``OMP_NUM_THREADS``), 8 at most. What is found does not depend on their number.

    Args:
        work (Callable): A function of one block, without side effects.
        blocks (Sequence): The blocks.

    Returns:
        list: What was found, in the order of the blocks.
    """
    threads = torch.get_num_threads()
    workers = min(threads, MOST_THREADS)
    try:
        with (
            threadpool_limits(1, user_api='blas'),
            ThreadPoolExecutor(workers, 'relabel', torch.set_num_threads, (1,)) as pool,
        ):
            return list(pool.map(work, blocks))
    finally:
        # the workers' setting is in part that of the process
        torch.set_num_threads(threads)
