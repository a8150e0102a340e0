"""Galleries that are read, or whose writer is killed, while they are written."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('faiss')

from dynamix.gallery import Gallery

from .conftest import DIM, MODEL, unit

WRITER = """
import os
import sys
import numpy as np
from dynamix.gallery import Gallery

with Gallery.open(sys.argv[1], write=True) as gallery:
    rng = np.random.default_rng(0)
    print('ready', flush=True)
    for start in range(0, 30000, 100):
        features = rng.standard_normal((100, 16))
        paths = [f'{os.getpid()}/{n}' for n in range(start, start + 100)]
        gallery.add(features, paths)
        print(paths[-1], flush=True)
        if start % 300 == 0:
            gallery.remove(gallery.select(below=paths[:50]))
            gallery.add(features[:50], paths[:50])
"""


def start_writer(folder: Path) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, '-c', WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == 'ready\n'
    return process


def test_kill_while_adding_loses_no_more_than_the_batch_in_hand(folder):
    Gallery.create(folder, DIM, MODEL, ivf_from=500).close()
    rng = np.random.default_rng(0)
    added = []
    for _ in range(3):
        writer = start_writer(folder)
        time.sleep(rng.uniform(0.02, 0.4))
        writer.kill()
        added += writer.communicate()[0].split()
        with Gallery.open(folder) as gallery:
            assert gallery.verify() == []
            assert len(gallery) % 50 == 0
            assert len(gallery) >= 100 * len(added) - 50 * 3
            assert gallery.known(added) == {*added}
            rows = gallery.search(unit(1), topk=10**5, time=(None, None))[0]
            assert len({row.entry.path for row in rows}) == len(gallery)
    assert added


def test_readers_see_whole_batches_while_one_writes(folder):
    Gallery.create(folder, DIM, MODEL).close()
    faults: list[object] = []

    def read(reader: Gallery, until: threading.Event) -> None:
        seen = 0
        while not until.is_set():
            rows = reader.search(unit(1), topk=10**5)[0]
            if len(rows) % 50 or len(rows) < seen - 50:
                faults.append((seen, len(rows)))
            seen = len(rows)
        faults.extend([] if seen else ['nothing seen'])

    stop = threading.Event()
    readers = [Gallery.open(folder) for _ in range(2)]
    threads = [threading.Thread(target=read, args=(r, stop)) for r in readers]
    writer = start_writer(folder)
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    writer.kill()
    writer.wait()
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
