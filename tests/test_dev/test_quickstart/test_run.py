# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import json

import cv2
import numpy as np

from mmpose_dualteach.dev.quickstart.run import as_text, compare, report_runs

RESULTS = dict(
    supervised={'coco/AP': 0.3, 'PCK': 0.65},
    mutual={'coco/AP': 0.4, 'PCK': 0.71, 'b/coco/AP': 0.41, 'b/PCK': 0.72, 'mean/coco/AP': 0.43, 'mean/PCK': 0.73},
)


def test_the_table_says_who_scored_what():
    text = as_text(compare(RESULTS)).splitlines()
    assert [line.split()[-2:] for line in text] == [
        ['AP', 'PCK'],
        ['30.0', '65.0'],
        ['40.0', '71.0'],
        ['41.0', '72.0'],
        ['43.0', '73.0'],
    ]
    assert 'supervised' in text[1] and 'mean' in text[4]


def test_the_report_is_written_from_the_logs(tmp_path):
    runs = {}
    for name in ('supervised', 'mutual'):
        runs[name] = tmp_path / name
        folder = runs[name] / '20260101_000000' / 'vis_data'
        (folder / 'vis_image').mkdir(parents=True)
        lines = [
            {'step': 25, 'loss': 1.0, 'a/loss_kpt': 0.5, 'iter': 25, 'a/peak_unlabeled': 0.4},
            {'step': 2, 'PCK': 0.5, 'coco/AP': 0.2, 'b/PCK': 0.55},
        ]
        (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
        cv2.imwrite(str(folder / 'vis_image' / 'lessons_25.png'), np.zeros((20, 20, 3), np.uint8))
    report_runs(tmp_path / 'report.html', compare(RESULTS), runs, seed=0)
    page = (tmp_path / 'report.html').read_text()
    for text in ('Peak response', 'lessons at iteration 25', '43.0', 'data:image/png', 'Seed 0'):
        assert text in page, text
