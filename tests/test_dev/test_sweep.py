# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One stock config for each family, codec and kind of dataset: switch, a training step, predict, export."""

import json

import pytest
from conftest import ROOT, SHARED, tool

from mmpose_dualteach.dev.sweep.check import check_config
from mmpose_dualteach.dev.sweep.run import Worker, summary, sweep, table
from mmpose_dualteach.utils.mmpose_files import stock_configs

check_configs = tool('check_configs')
BODY, WHOLE = 'body_2d_keypoint', 'wholebody_2d_keypoint'
FAMILIES = {
    'heatmaps, COCO': f'{BODY}/topdown_heatmap/coco/td-hm_mobilenetv2_8xb64-210e_coco-256x192.py',
    'heatmaps, MPII': f'{BODY}/topdown_heatmap/mpii/td-hm_shufflenetv2_8xb64-210e_mpii-256x256.py',
    'heatmaps, JHMDB': f'{BODY}/topdown_heatmap/jhmdb/td-hm_res50-2deconv_8xb64-40e_jhmdb-sub1-256x256.py',
    'heatmaps, padding': 'animal_2d_keypoint/topdown_heatmap/zebra/td-hm_res50_8xb64-210e_zebra-160x160.py',
    'heatmaps, fewer keypoints of a class': 'fashion_2d_keypoint/topdown_heatmap/deepfashion/'
    'td-hm_res50_8xb64-210e_deepfashion_lower-256x192.py',
    'heatmaps, unbiased': f'{BODY}/topdown_heatmap/coco/td-hm_res50_dark-8xb64-210e_coco-256x192.py',
    'UDP, joined datasets': f'{BODY}/topdown_heatmap/coco/cspnext-tiny_udp_8xb256-210e_aic-coco-256x192.py',
    'UDP, a vision transformer': f'{BODY}/topdown_heatmap/coco/td-hm_ViTPose-small_8xb64-210e_coco-256x192.py',
    'UDP, combined': f'{BODY}/topdown_heatmap/coco/td-hm_hrnet-w32_udp-regress-8xb64-210e_coco-256x192.py',
    'several stages': f'{BODY}/topdown_heatmap/coco/td-hm_cpm_8xb64-210e_coco-256x192.py',
    'several levels': f'{BODY}/topdown_heatmap/coco/td-hm_rsn18_8xb32-210e_coco-256x192.py',
    'ViPNAS': f'{BODY}/topdown_heatmap/coco/td-hm_vipnas-mbv3_8xb64-210e_coco-256x192.py',
    'visibility': f'{BODY}/topdown_heatmap/coco/td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge.py',
    'SimCC': f'{BODY}/simcc/coco/simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192.py',
    'RTMPose': f'{BODY}/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py',
    'RTMPose, converted datasets': f'{BODY}/rtmpose/body8/rtmpose-t_8xb1024-700e_body8-halpe26-256x192.py',
    'RTMPose, faces': 'face_2d_keypoint/rtmpose/face6/rtmpose-t_8xb256-120e_face6-256x256.py',
    'RTMPose, a dataset that is missing': 'hand_2d_keypoint/rtmpose/hand5/rtmpose-m_8xb256-210e_hand5-256x256.py',
    'RTMW': f'{WHOLE}/rtmpose/cocktail14/rtmw-m_8xb1024-270e_cocktail14-256x192.py',
    'regression': f'{BODY}/topdown_regression/mpii/td-reg_res50_8xb64-210e_mpii-256x256.py',
    'regression, faces': 'face_2d_keypoint/topdown_regression/wflw/'
    'td-reg_res50_softwingloss_8xb64-210e_wflw-256x256.py',
    'RLE': f'{BODY}/topdown_regression/coco/td-reg_mobilenetv2_rle-pretrained-8xb64-210e_coco-256x192.py',
    'all people of an image': f'{BODY}/yoloxpose/coco/yoloxpose_tiny_4xb64-300e_coco-416.py',
    'DSNT': f'{BODY}/integral_regression/coco/ipr_res50_dsnt-8xb64-210e_coco-256x256.py',
}
REFUSED = {
    f'{BODY}/associative_embedding/coco/ae_hrnet-w32_8xb24-300e_coco-512x512.py': (
        "MMPose's AssociativeEmbeddingHead cannot be trained"
    ),
    'hand_3d_keypoint/internet/interhand3d/internet_res50_4xb16-20e_interhand3d-256x256.py': (
        'model.head is InternetHead; supported are HeatmapHead'
    ),
    'body_3d_keypoint/video_pose_lift/h36m/video-pose-lift_tcn-27frm-supv_8xb128-160e_h36m.py': (
        'see no images; use a config such as'
    ),
}


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    return str(tmp_path_factory.mktemp('drawn'))


OWN = ['coco/posedual-cutout_res18_1xb32-70e_coco1k-256x192.py', 'mpii/posedual_res50_1xb32-100e_mpii-aic-256x256.py']


@pytest.mark.parametrize('path', OWN)
def test_a_switched_config_takes_two_steps_as_it_is(path, drawn):
    result = check_config(str(ROOT / 'configs' / path), str(SHARED / 'stock_samples'), drawn)
    assert result['status'] == 'ok' and result['kind'] == 'HeatmapHead MSRAHeatmap', result


@pytest.mark.parametrize('folder', ['faces', 'quickstart'])
def test_a_baseline_needs_no_lessons(folder, drawn):
    (path,) = (ROOT / 'configs' / folder).glob('supervised_*.py')
    result = check_config(str(path), str(SHARED / 'stock_samples'), drawn)
    assert result['status'] == 'ok', result


def test_configs_of_folders_are_checked(tmp_path, monkeypatch, capsys):
    for name in ('one.py', 'two.py', 'two.txt'):
        (tmp_path / name).touch()
    seen = []
    answer = dict(kind='?', status='ok', reason='', seconds=1.0)
    sweeper = lambda configs, *_: seen.extend(configs) or [dict(answer, config=each) for each in configs]  # noqa: E731
    monkeypatch.setitem(check_configs.__globals__['run'].__globals__, 'sweep', sweeper)
    assert check_configs([str(tmp_path), '--data', str(tmp_path), '--only', 'tw?.py']) == 1
    assert 'that --only tw?.py matches' in capsys.readouterr().err
    assert check_configs([str(tmp_path), str(tmp_path / 'one.py'), '--data', str(tmp_path), '--only', 'o']) == 0
    assert [each.rsplit('/', 1)[-1] for each in seen] == ['one.py', 'two.py', 'one.py']
    assert check_configs([str(tmp_path / 'none.py'), '--data', str(tmp_path)]) == 1
    assert check_configs([str(tmp_path), '--data', str(tmp_path), '--jobs', '0']) == 1
    assert 'none.py is no file or folder' in capsys.readouterr().err


@pytest.mark.parametrize('family', FAMILIES)
def test_a_config_of_each_family(family, drawn):
    if 'transformer' in family:
        pytest.importorskip('mmpretrain')
    result = check_config(FAMILIES[family], str(SHARED / 'stock_samples'), drawn)
    if not SHARED.is_dir() and 'no sample of' in result['reason']:
        pytest.skip(result['reason'])  # Of formats that people cannot be drawn in.
    assert result['status'] == 'ok', result['reason']


@pytest.mark.parametrize('config', REFUSED)
def test_what_cannot_be_switched_is_refused_in_one_line(config, drawn):
    result = check_config(config, 'nowhere', drawn)
    assert result['status'] == 'refused' and REFUSED[config] in result['reason'] and '\n' not in result['reason']


def test_without_samples_people_are_drawn(drawn):
    result = check_config(FAMILIES['RTMPose'], 'nowhere', drawn)
    assert result['status'] == 'ok' and result['reason'] == 'CocoDataset drawn'


def test_a_sweep_goes_on_where_it_stopped_and_tries_again_what_failed(tmp_path):
    first, second = sorted(REFUSED)[:2]
    report = tmp_path / 'report.json'
    done = dict(config=first, kind='kept', status='ok', reason='', seconds=1.0)
    report.write_text(json.dumps([done, dict(done, config=second, status='failed')]))
    results = list(sweep([first, second], str(tmp_path), jobs=1, report=str(report)))
    assert results[0] == done
    assert results[1]['config'] == second and results[1]['status'] == 'refused'
    assert json.loads(report.read_text()) == results
    assert set(results[1]) == {'config', 'kind', 'status', 'reason', 'seconds'}
    assert 'in all: 1 ok, 1 refused' in summary(results) and table(results).count('\n') == 2

    report.write_text('{')
    with pytest.raises(ValueError, match='report.json is no report of a sweep.*remove it'):
        list(sweep([first], str(tmp_path), report=str(report)))


def test_a_worker_that_dies_or_hangs_fails_one_config_and_is_replaced(tmp_path):
    worker = Worker(str(tmp_path), str(tmp_path), limit=60.0, threads=1)
    worker._start()
    worker.process.kill()
    worker.process.join()
    worker.process.is_alive = lambda: True
    assert 'died with exit code -9' in worker.check(sorted(REFUSED)[0])['reason'], 'dead before it could be asked'
    worker._start()
    worker.process.kill()
    worker.process.join()
    worker.process.is_alive = lambda: True
    worker.pipe.send = lambda path: None  # It was alive when the config was sent.
    assert 'died with exit code -9' in worker.check(sorted(REFUSED)[0])['reason']
    assert worker.check(sorted(REFUSED)[0])['status'] == 'refused', 'a new process takes over'
    worker.limit = 0.0
    assert 'took more than 0 seconds' in worker.check(FAMILIES['RTMPose'])['reason']
    worker.stop()


def test_patterns_choose_configs():
    assert len(stock_configs()) > 300 and not any('_base_' in path for path in stock_configs())
    assert stock_configs('rtmpose-t_8xb256-420e_coco') == [FAMILIES['RTMPose']]
    assert stock_configs('*/dekr/*') and stock_configs('no such config') == []
