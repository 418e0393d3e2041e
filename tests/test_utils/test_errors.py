# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os
import sys

import pytest

from mmpose_dualteach.command_line import exit_code


@pytest.mark.parametrize(
    'action, message',
    [
        (lambda folder: (folder / 'no.json').read_text(), 'no.json does not exist; name one that does'),
        (lambda folder: folder.write_text(''), ' is a folder; name a file'),
        (lambda folder: (folder / 'file').mkdir(), 'file is there already, and no folder; name another one'),
        (lambda folder: (folder / 'file' / 'x').mkdir(), 'lies below what is no folder; name another one'),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_words(action, message, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    assert exit_code(action, tmp_path) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'error: {tmp_path}') and message in error and error.count('\n') == 1


def test_output_that_nobody_reads_is_no_error(monkeypatch, capsys):
    read, written = os.pipe()
    os.close(read)  # As head does when it has its lines.
    monkeypatch.setattr(sys, 'stdout', os.fdopen(written, 'w'))
    assert exit_code(print, 'a line') == 1
    assert capsys.readouterr().err == ''


def test_what_is_wrong_is_said_where_the_output_is_not_read(monkeypatch, capsys):
    def fail(_):
        print('progress')
        raise ValueError('this explains itself')

    def lose_a_worker(_):
        raise BrokenPipeError('a worker is gone')

    assert exit_code(lose_a_worker, None) == 1
    assert capsys.readouterr().err == 'error: a worker is gone\n'
    read, written = os.pipe()
    os.close(read)
    monkeypatch.setattr(sys, 'stdout', os.fdopen(written, 'w'))
    assert exit_code(fail, None) == 1
    assert capsys.readouterr().err == 'error: this explains itself\n'
