# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A student as ONNX says what the stock network says, by the code on the page about it."""

import json
import re

import numpy as np
import pytest
import torch
from conftest import ROOT, small_config, switch, tool
from crowds import crowd_config
from looks import saved
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS

from mmpose_dualteach.switch import mutual_teaching

export = tool('export')
PAGE = ROOT / 'docs' / 'deploy.md'
SIMCC = dict(type='SimCCLabel', input_size=(64, 96), sigma=(3.0, 3.5), simcc_split_ratio=2.0)
UDP = dict(type='UDPHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=2.0)
HEADS = dict(
    heatmap=dict(),
    udp=dict(type='HeatmapHead', in_channels=32, out_channels=17, deconv_out_channels=(8, 8),
             deconv_kernel_sizes=(4, 4), loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=UDP),
    simcc=dict(type='SimCCHead', in_channels=32, out_channels=17, input_size=(64, 96), in_featuremap_size=(4, 6),
               simcc_split_ratio=2.0, deconv_out_channels=None, loss=dict(type='KLDiscretLoss', use_target_weight=True),
               decoder=SIMCC),
    regression=dict(type='RLEHead', in_channels=32, num_joints=17, loss=dict(type='RLELoss', use_target_weight=True),
                    decoder=dict(type='RegressionLabel', input_size=(64, 96))),
    integral=dict(type='DSNTHead', in_channels=32, num_joints=17, in_featuremap_size=(4, 6), deconv_out_channels=(16,),
                  deconv_kernel_sizes=(4,), loss=dict(type='MultipleLossWrapper', losses=[
                      dict(type='SmoothL1Loss', use_target_weight=True), dict(type='JSDiscretLoss')]),
                  decoder=dict(type='IntegralRegressionLabel', input_size=(64, 96), heatmap_size=(8, 12), sigma=1.0,
                               normalize=True)),
)  # fmt: skip


def config_of(kind, root):
    config = small_config(root)
    if kind != 'heatmap':
        config['model']['head'] = dict(HEADS[kind])
        pipelines = [config[f'{stage}_dataloader']['dataset']['pipeline'] for stage in ('train', 'val', 'test')]
        for transform in (each for pipeline in pipelines for each in pipeline if each['type'] == 'GenerateTarget'):
            transform['encoder'] = dict(HEADS[kind]['decoder'])
        if kind == 'regression':
            config['model']['neck'] = dict(type='GlobalAveragePooling')
    return config


def code_of_page(function):
    """The code of the page that defines a function."""
    blocks = re.findall('```python\n(.*?)```', PAGE.read_text(), flags=re.S)
    (code,) = (block for block in blocks if f'def {function}(' in block)
    return code


@pytest.mark.parametrize('udp', [False, True])
@pytest.mark.parametrize('kind', HEADS)
def test_the_pages_code_finds_the_joints_of_a_stock_test(kind, udp, people, tmp_path, monkeypatch):
    config = switch(config_of(kind, str(people)))
    for stage in ('train', 'val', 'test'):
        for transform in config[f'{stage}_dataloader'].dataset.get('pipeline', []):
            if transform['type'] == 'TopdownAffine':
                transform['use_udp'] = udp
    if udp:  # The same by its other name.
        del config.model.data_preprocessor['bgr_to_rgb']
        config.model.data_preprocessor['rgb_to_bgr'] = True
    _, checkpoint = saved(config, tmp_path / 'run')
    content = torch.load(checkpoint)
    meta = DATASETS.build(config.val_dataloader.dataset).metainfo
    content['meta'] = dict(cfg=config.pretty_text, dataset_meta=meta)
    torch.save(content, checkpoint)
    monkeypatch.chdir(tmp_path)
    assert export([checkpoint, '--network', 'b', '-o', 'student.pth', '--onnx', 'student.onnx']) == 0
    page = {}
    exec(code_of_page('joints_of'), page)

    student = torch.load('student.pth')
    network = MODELS.build(Config.fromstring(student['meta']['cfg'], '.py').model)
    network.load_state_dict(student['state_dict'])
    network.eval()
    apart = []
    for sample in DATASETS.build(config.val_dataloader.dataset):
        data = network.data_preprocessor(pseudo_collate([sample]), False)
        with torch.no_grad():
            stock = network.predict(data['inputs'], data['data_samples'])[0].pred_instances
        read = page['cv2'].imread(sample['data_samples'].img_path)
        joints, scores = page['joints_of'](read, sample['data_samples'].gt_instances.bboxes[0])
        apart.append(np.abs(joints - stock.keypoints[0]).max(axis=1))
        np.testing.assert_allclose(scores, stock.keypoint_scores[0], atol=0.02)
    # Networks that have learned nothing have several places as good as the best.
    assert np.mean(np.concatenate(apart) < 0.1) > 0.95
    told = json.loads((tmp_path / 'student.onnx.json').read_text())
    assert told['keypoints'] == list(meta['keypoint_id2name'].values()) and told['difference'] < 1e-4
    assert told['input']['channels'] == 'rgb'


@pytest.mark.parametrize('codec', ['MSRAHeatmap', 'UDPHeatmap'])
def test_the_pages_decoding_without_mmpose_is_the_codecs_to_half_a_cell(codec):
    config = dict(type=codec, input_size=(192, 256), heatmap_size=(48, 64), sigma=2.0)
    built = KEYPOINT_CODECS.build(config)
    # Near the edge it is the codec's own joints that are moved, by its blur.
    joints = np.random.default_rng(0).uniform((16, 16), (175, 239), (1, 50, 2)).astype(np.float32)
    heatmaps = built.encode(joints, np.ones((1, 50), np.float32))['heatmaps']
    page = dict(np=np, told=dict(codec=config), size=np.array(config['input_size']))
    exec(code_of_page('decode'), page)
    found, scores = page['decode'](heatmaps)
    wanted, sure = built.decode(heatmaps)
    cell = np.array(config['input_size']) / np.subtract(config['heatmap_size'], 1)
    assert (np.abs(found - wanted) <= 0.51 * cell).all()
    np.testing.assert_allclose(scores, sure)


def test_what_cannot_be_exported_is_said_in_one_line(people, tmp_path, capsys):
    config = switch(small_config(str(people)))
    files = saved(config, tmp_path / 'run')
    crowd = Config(crowd_config('yoloxpose', str(people)))
    crowd.merge_from_dict(mutual_teaching(crowd, unlabeled='train.json'))
    model = MODELS.build(crowd.model)
    torch.save(dict(state_dict=model.state_dict(), meta=dict(cfg=crowd.pretty_text)), tmp_path / 'crowd.pth')
    torch.save(dict(meta=dict(cfg=crowd.pretty_text)), tmp_path / 'bare.pth')
    out = str(tmp_path / 'student.onnx')
    for options, told in (
        ([files[1], '--onnx', out], 'tools/export.py'),
        ([str(tmp_path / 'bare.pth'), '--onnx', out], 'tools/export.py'),
        ([files[1]], '-o'),
        ([str(tmp_path / 'crowd.pth'), '--network', 'a', '-o', str(tmp_path / 's.pth'), '--onnx', out], 'MMDeploy'),
    ):
        assert export(options) == 1
        error = capsys.readouterr().err.strip().splitlines()
        assert len(error) == 1 and told in error[0]
    assert not (tmp_path / 'student.onnx').exists()


@pytest.mark.parametrize(
    'options, named',
    [
        (['-o', 'in.json'], 'in.json'),
        (['-o', 'folder/../in.json'], 'folder/../in.json'),
        (['-o', 'link.pth'], 'link.pth'),
        (['--onnx', 'in.json'], 'in.json'),
        (['--onnx', 'in'], 'in.json'),  # What is told beside the ONNX file.
        (['-o', 'student.pth', '--onnx', 'folder/../student.pth'], 'folder/../student.pth'),
        (['-o', 'student.onnx.json', '--onnx', 'student.onnx'], 'student.onnx.json'),
    ],
)
def test_nothing_that_is_read_is_written_over(options, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'in.json').write_text('a checkpoint')
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'link.pth').symlink_to('in.json')
    before = sorted(tmp_path.iterdir())
    assert export(['in.json', *options]) == 1
    assert capsys.readouterr().err == f'error: {named} is read and would be written over; name another output\n'
    assert sorted(tmp_path.iterdir()) == before and (tmp_path / 'in.json').read_text() == 'a checkpoint'
