import errno
import os

import pytest

from dynamix.output_file import written_whole


def write_half(path, error):
    with written_whole(path) as file:
        file.write_text('ne')
        raise error


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'new' / 'metrics.json'
    with written_whole(path) as file:
        assert file.suffix == '.json'
        file.write_text('old')
        assert not path.exists()
    for error, found in (
        (OSError(errno.ENOSPC, 'No space left on device'), r'metrics\.json .*No space'),
        (KeyboardInterrupt('now'), 'now'),
    ):
        with pytest.raises(type(error), match=found):
            write_half(path, error)
    assert path.read_text() == 'old'
    assert os.listdir(path.parent) == ['metrics.json']
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match=r'file/m\.json cannot be written: '):
        write_half(tmp_path / 'file' / 'm.json', None)
