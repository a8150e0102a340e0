"""Build the package; its metadata is in setup.cfg."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SUFFIXES = ('.py', '.sh', '.yml', '.md')


class BuildWithMIM(build_py):
    """Put what MIM and MMPretrain read into ``dynamix/.mim`` of a wheel.

    The files are copied into the build folder alone: a copy in the source tree would
    give MIM two configs of each name in an editable install.
    """

    def run(self) -> None:
        if not self.editable_mode:
            target = Path(self.build_lib, 'dynamix', '.mim')
            shutil.rmtree(target, ignore_errors=True)  # of an earlier build
            self.data_files.append(('dynamix', '.', str(target), mim_files()))
        super().run()


def mim_files() -> list[str]:
    """List configs, tools and indices, relative to the root of the repository."""
    folders = [Path(name).rglob('*') for name in ('configs', 'tools')]
    paths = [Path('model-index.yml'), Path('dataset-index.yml')]
    paths += [path for folder in folders for path in folder]
    return sorted(
        str(path)
        for path in paths
        if path.suffix in SUFFIXES and '__pycache__' not in path.parts
    )


setup(cmdclass={'build_py': BuildWithMIM})
