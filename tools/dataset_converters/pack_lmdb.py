"""Packs images into an LMDB, which readers take as `data_root` in place of the folder.

    # all images below a folder, with the lists in it
    python tools/dataset_converters/pack_lmdb.py data/LUPerson-NL --out lmdb/LUPerson-NL
    # what a source or target of a config reads
    python tools/dataset_converters/pack_lmdb.py CONFIG --name luperson_nl --out ...

Keys are the paths below the folder. Every image is compared with its file at the end.
Run it again after an interruption: what is packed is not packed again. An LMDB that is
there already is added to. Ends with status 2 for bad input, 1 if images differ or
cannot be written.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from mmengine.registry import init_default_scope

from dynamix.datasets import ImageTable
from dynamix.datasets.lmdb_packing import folder_table, pack_lmdb
from dynamix.engine.command_line import add_config_options, read_config
from dynamix.registry import DATASETS


def parse_args() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        description='Pack images into an LMDB that readers take as data_root.',
        epilog='example: pack_lmdb.py data/Market-1501 --out lmdb/Market-1501',
    )
    parser.add_argument('source', help='folder of images, or config file')
    parser.add_argument('--out', required=True, help='folder of the LMDB')
    parser.add_argument('--name', help='source or target of the config')
    add_config_options(parser)
    return parser, parser.parse_args()


def config_tables(file: str, options: dict, name: str | None) -> list[ImageTable]:
    """Tables of the readers of a config that have a name."""
    cfg = read_config(file, options)
    init_default_scope(cfg.get('default_scope', 'dynamix'))
    listed: list[Any] = []
    for mode in ('train', 'val', 'test'):
        data = (cfg.get(f'{mode}_dataloader') or {}).get('dataset') or {}
        for key in ('multi_camera', 'single_camera', 'targets'):
            listed += [reader for reader in data.get(key) or () if reader not in listed]
    readers = [DATASETS.build(dict(reader, pipeline=[])) for reader in listed]
    names = {reader.name for reader in readers}
    if name is None and len(names) == 1:
        name = names.pop()
    chosen = [reader for reader in readers if reader.name == name]
    if not chosen:
        raise ValueError(
            f'{file} reads {", ".join(sorted(names)) or "no data"}: name one by --name.'
        )
    for reader in chosen:
        reader.full_init()
    return [reader.table for reader in chosen]


def main() -> int:
    parser, args = parse_args()
    try:
        if os.path.isfile(args.source) and args.source.endswith('.py'):
            tables = config_tables(args.source, args.cfg_options, args.name)
        elif args.name or not os.path.exists(args.source):
            raise ValueError(f'there is no {"config" if args.name else "folder"} there')
        else:
            tables = [folder_table(args.source)]
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        parser.error(f'{args.source}: {error}')
    try:
        written = pack_lmdb(tables, args.out)
    except (ValueError, ImportError) as error:
        parser.error(f'{args.source}: {error}')
    except (OSError, RuntimeError) as error:
        print(f'\nerror: {error}', file=sys.stderr)
        return 1
    print(
        f'\n{args.out}: {written} images written, '
        f'{sum(map(len, tables))} compared with their files'
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
