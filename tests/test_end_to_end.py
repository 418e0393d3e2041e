# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Stock tools and inference APIs, as a user runs them."""

import os
import pickle
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from conftest import ROOT, tool
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model
from processes import ForkedTool

from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.switch import stock_config
from mmpose_dualteach.utils.mmpose_files import mmpose_tool

export_network = tool('export')
OVERLAY = """_base_ = '{base}'
from mmpose_dualteach.switch import mutual_teaching

globals().update(mutual_teaching(_base_, batch=(2, 2), labeled=dict(indices=4), unlabeled=dict(
    ann_file='annotations/person_keypoints_train2017.json', indices=4)))
"""
BASE = """_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
codec = dict(type='MSRAHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1)
model = dict(backbone=dict(depth=18, init_cfg=None), head=dict(in_channels=512, decoder=codec))
train_pipeline = [dict(t, **({{'input_size': codec['input_size']}} if t['type'] == 'TopdownAffine' else
                             {{'encoder': codec}} if t['type'] == 'GenerateTarget' else {{}}))
                  for t in _base_.train_pipeline]
val_pipeline = [dict(t, **({{'input_size': codec['input_size']}} if t['type'] == 'TopdownAffine' else {{}}))
                for t in _base_.val_pipeline]
train_cfg = dict(max_epochs=1, val_interval=1)
train_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(
    data_root='{data}', pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(
    data_root='{data}', bbox_file=None, indices=6, pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='{data}/annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
"""


def call(script, *arguments, cwd) -> str:
    tool = ForkedTool(script, *arguments, log=cwd / 'printed.log', cwd=cwd)
    assert tool.wait() == 0, tool.output[-3000:]
    output = tool.output
    (cwd / 'printed.log').unlink()
    return output


def python(*command, cwd, environment) -> str:
    """A process that shares nothing with this one."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope='module')
def trained(shared_data, tmp_path_factory):
    """Two iterations of stock train.py on coco_mini with an 8-line overlay."""
    folder = tmp_path_factory.mktemp('user')
    (folder / 'base.py').write_text(BASE.format(data=shared_data / 'coco_mini'))
    (folder / 'overlay.py').write_text(OVERLAY.format(base='base.py'))
    command = (mmpose_tool('train.py'), 'overlay.py', '--work-dir', 'work')
    return folder, python(*command, cwd=folder, environment=dict(os.environ, PYTHONWARNINGS='ignore'))


def test_stock_train_runs_the_overlay(trained):
    folder, output = trained
    assert 'Epoch(train) [1][2/2]' in output.replace('  ', ' ') and 'mean/coco/AP' in output
    assert (folder / 'work' / 'epoch_1.pth').exists() and (folder / 'work' / 'student_last.pth').exists()
    assert list((folder / 'work').glob('best_coco_AP_epoch_1.pth')), 'save_best goes on working'


def test_stock_test_and_resume(trained):
    folder, _ = trained
    output = call(mmpose_tool('test.py'), 'overlay.py', 'work/epoch_1.pth', '--dump', 'out.pkl', cwd=folder)
    assert 'b/coco/AP' in output and (folder / 'out.pkl').exists()
    output = call(
        mmpose_tool('train.py'),
        'overlay.py',
        '--work-dir',
        'work',
        '--resume',
        '--cfg-options',
        'train_cfg.max_epochs=2',
        cwd=folder,
    )
    assert 'resumed epoch: 1, iter: 2' in output and (folder / 'work' / 'epoch_2.pth').exists()


@pytest.mark.parametrize('network', ['a', 'b', 'best'])
def test_an_exported_network_is_an_ordinary_one(trained, shared_data, network, capsys):
    folder, _ = trained
    output = str(folder / f'{network}.pth')
    assert (
        export_network(
            [str(folder / 'work' / 'epoch_1.pth'), '--network', 'a' if network == 'best' else network, '-o', output]
        )
        == 0
    )
    stock = stock_config(Config.fromfile(folder / 'overlay.py'))
    assert stock.model.type == 'TopdownPoseEstimator'
    image = str(next((shared_data / 'coco_mini' / 'val2017').glob('*.jpg')))
    plain = init_model(Config.fromfile(folder / 'base.py'), output, device='cpu')
    missing = plain.load_state_dict(torch.load(output)['state_dict'], strict=True)
    assert not missing.missing_keys and not missing.unexpected_keys
    wrapper = init_model(
        str(folder / 'overlay.py'),
        str(folder / 'work' / 'epoch_1.pth'),
        device='cpu',
        cfg_options=dict(model=dict(predict_on='b' if network == 'b' else 'a')),
    )
    boxes = np.array([[10.0, 10.0, 120.0, 200.0]])
    one, other = inference_topdown(plain, image, boxes)[0], inference_topdown(wrapper, image, boxes)[0]
    assert np.array_equal(one.pred_instances.keypoints, other.pred_instances.keypoints)
    assert np.array_equal(one.pred_instances.keypoint_scores, other.pred_instances.keypoint_scores)


@pytest.mark.parametrize(
    'config, checkpoint', [('base.py', 'work/student_last.pth'), ('overlay.py', 'work/epoch_1.pth')]
)
def test_the_inferencer_takes_both(trained, shared_data, config, checkpoint):
    folder, _ = trained
    image = str(next((shared_data / 'coco_mini' / 'val2017').glob('*.jpg')))
    inferencer = MMPoseInferencer(
        pose2d=str(folder / config), pose2d_weights=str(folder / checkpoint), device='cpu', det_model='whole_image'
    )
    result = next(inferencer(image, show=False, draw_heatmap=True, return_vis=True))
    assert len(result['predictions'][0][0]['keypoints']) == 17 and result['visualization'][0].ndim == 3


STOCK_ONLY = """
import runpy, sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split('.')[0] == 'mmpose_dualteach':
            raise ImportError('this process has no mmpose_dualteach')
sys.meta_path.insert(0, Refuse())
try:
    import mmpose_dualteach
except ImportError:
    pass
else:
    raise SystemExit('the package can be imported')
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model
student, image = 'work/student_best.pth', sys.argv[1]
model = init_model('base.py', student, device='cpu')
assert len(inference_topdown(model, image)[0].pred_instances.keypoints[0]) == 17
inferencer = MMPoseInferencer(pose2d='base.py', pose2d_weights=student, device='cpu', det_model='whole_image')
result = next(inferencer(image, show=False, return_vis=True))
assert len(result['predictions'][0][0]['keypoints']) == 17 and result['visualization'][0].ndim == 3
sys.argv = ['test.py', 'base.py', student, '--work-dir', 'stock_test', '--dump', 'stock.pkl']
runpy.run_path(sys.modules['mmpose'].__path__[0] + '/.mim/tools/test.py', run_name='__main__')
"""


def test_the_student_is_stock_mmposes_own_where_this_package_is_not(trained, shared_data):
    folder, _ = trained
    image = str(next((shared_data / 'coco_mini' / 'val2017').glob('*.jpg')))
    (folder / 'stock_only.py').write_text(STOCK_ONLY)
    bare = {key: value for key, value in os.environ.items() if key in ('PATH', 'HOME', 'LANG')}
    assert 'coco/AP' in python('stock_only.py', image, cwd=folder, environment=dict(bare, OMP_NUM_THREADS='1'))
    (best,) = (folder / 'work').glob('best_coco_AP_*.pth')
    network = load_safely(str(best))['message_hub']['runtime_info']['mutual_teaching_scores']['best']
    call(mmpose_tool('test.py'), 'overlay.py', best, '--work-dir', 'plugin_test', '--dump', 'plugin.pkl', cwd=folder)
    ours = pickle.loads((folder / ('plugin.pkl' if network == 'a' else f'plugin.{network}.pkl')).read_bytes())
    stocks = pickle.loads((folder / 'stock.pkl').read_bytes())
    assert len(ours) == len(stocks) == 6
    for one, other in zip(ours, stocks):
        for key in ('keypoints', 'keypoint_scores'):
            # Another process: some stacks sum in another order there.
            assert np.allclose(one['pred_instances'][key], other['pred_instances'][key], rtol=0, atol=1e-6), key


def test_tools_train_switches_and_trains(trained, shared_data):
    folder, _ = trained
    (folder / 'pictures').mkdir()
    images = sorted((shared_data / 'coco_mini' / 'unlabeled2017').glob('*.jpg'))[:4]
    clip = cv2.VideoWriter(str(folder / 'pictures' / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (160, 120))
    for image in images[2:]:
        clip.write(cv2.resize(cv2.imread(str(image)), (160, 120)))
    clip.release()
    for image in images[:2]:
        shutil.copy(image, folder / 'pictures')
    output = call(
        ROOT / 'tools' / 'train.py',
        'base.py',
        '--unlabeled',
        'pictures',
        '--frame-every',
        1,
        '--batch',
        2,
        2,
        '--work-dir',
        'new',
        '--no-validate',
        '--cfg-options',
        'default_hooks.logger.interval=1',
        cwd=folder,
    )
    assert 'Epoch(train) [1][2/2]' in output.replace('  ', ' ') and 'a/loss_pseudo' in output
    assert (folder / 'new' / 'student_last.pth').exists()
    assert Config.fromfile(folder / 'new' / 'mutual-teaching_base.py').model.type == 'MutualTeachingPoseEstimator'
