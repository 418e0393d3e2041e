# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The notebook runs from top to bottom, with a few people and steps in place of many."""

import nbformat
from conftest import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / 'docs' / 'tutorial.ipynb'
LESS = {'EPOCHS = 7': 'EPOCHS = 1', 'train=1200, val=100, test=300': 'train=48, val=8, test=8'}


def test_every_cell_runs(tmp_path, monkeypatch):
    for name in ('configs', 'tools'):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    sources = [cell.source for cell in notebook.cells]
    for long, short in LESS.items():
        assert any(long in source for source in sources), long
        for cell in notebook.cells:
            cell.source = cell.source.replace(long, short)
    NotebookClient(notebook, timeout=300, resources=dict(metadata=dict(path=str(tmp_path)))).execute()
    pictures = [
        output.data
        for cell in notebook.cells
        for output in cell.get('outputs', ())
        if output.output_type == 'display_data' or output.output_type == 'execute_result'
    ]
    assert sum('image/jpeg' in data for data in pictures) == 2 and sum('image/png' in data for data in pictures) == 1
    assert (tmp_path / 'work_dirs' / 'tutorial' / 'taught' / 'student_last.pth').is_file()


def test_what_is_committed_was_run_to_its_end_without_an_error():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == 'code']
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != 'error' for cell in cells for output in cell.outputs)
