# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The log says at the start what the run is about to do."""

import re
from types import SimpleNamespace

from conftest import run, switch
from mmengine.runner import Runner
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import DATASETS, MODELS, TRANSFORMS

from mmpose_dualteach.datasets.transforms.view_law import ViewLaw
from mmpose_dualteach.engine.run.run_checks import _warn_of_whole_images
from mmpose_dualteach.engine.run.views_in_words import _lacking, law_in_words


def log_of(folder) -> str:
    (log,) = folder.glob('*/*.log')
    return log.read_text()


def test_data_steps_views_and_lessons_are_told(stock, tmp_path):
    labelled = stock['train_dataloader']['dataset']
    runner = run(switch(stock), tmp_path / 'default')
    log = log_of(tmp_path / 'default')
    assert 'data: 8 labelled and 24 unlabelled instances' in log
    assert 'steps: 6 an epoch, 6 in all, of 4 labelled and 4 unlabelled instances; 3 passes over the labelled' in log
    assert 'and 1 over the unlabelled ones' in log
    assert 'views: easy mirrored 50%, turned up to 40 degrees 60%, boxes times 0.75 to 1.25 100%; hard, on top' in log
    assert 'lessons: a teaches b, b teaches a; they count from the first step on, each joint as much as' in log
    assert runner.iter == 6

    told = re.findall('views: easy.*', log)[0]
    assert told.endswith(', 2 of 6 changes of colour'), 'and no word of what no view lacks'
    stock['train_dataloader']['dataset'] = dict(type='RepeatDataset', times=10, dataset=labelled)
    labelled['pipeline'].insert(2, dict(type='RandomApply', transforms=[dict(type='RandomHalfBody')], prob=0.3))
    average = dict(teacher='a.ema', student='b')
    options = dict(hook=dict(burn_in=1, ramp_up=2), model=dict(confidence=False, lessons=[average]))
    run(switch(stock, **options), tmp_path / 'burn_in')
    told = log_of(tmp_path / 'burn_in')
    assert 'lessons: a.ema teaches b; they count after epoch 1, in full 2 epochs later, all joints alike' in told
    assert 'data: 8 labelled (a pass of their wrapper has 80) and 24 unlabelled' in told
    assert '; 3 passes over the labelled' in told
    assert 'changes of colour; no half body (RandomHalfBody), as labelled images have' in told
    run(switch(stock, model=dict(lessons=[])), tmp_path / 'supervised')
    assert 'lessons: none' in log_of(tmp_path / 'supervised')


def test_a_view_in_words():
    assert law_in_words(ViewLaw()) == 'unchanged'
    assert law_in_words(ViewLaw(rotate_factor=30, rotate_prob=0.0, shift_factor=0.1, shift_prob=0.3)) == (
        'shifted up to 10% 30%'
    )


def test_shear_that_views_lack_is_told():
    shear, straight = (
        dict(type='BottomupRandomAffine', input_size=(64, 64), **each) for each in ({}, dict(shear_prob=0))
    )
    found = [list(_lacking(SimpleNamespace(pipeline=[TRANSFORMS.build(each)]))) for each in (shear, straight)]
    assert found == [['shear of up to 2 degrees'], []]


def test_lessons_that_never_count_are_told(stock, tmp_path):
    run(switch(stock, hook=dict(burn_in=1)), tmp_path / 'epochs')
    message = (
        r'no lesson ever counts: default_hooks.dual_teacher.burn_in is 1 epochs \(by_epoch=True\), and the run has'
    )
    assert re.search(message + ' 1 epochs, 6 iterations', log_of(tmp_path / 'epochs'))
    run(switch(stock, hook=dict(burn_in=5, by_epoch=False)), tmp_path / 'iterations')
    assert 'no lesson ever counts' not in log_of(tmp_path / 'iterations')


def test_names_of_the_log_that_no_network_has_are_told(stock, tmp_path):
    sources = ('loss_kpt', 'a/loss_kpt', 'loss')
    entries = [dict(data_src=name, log_name=f'mean of {name}', method_name='mean') for name in sources]
    stock.setdefault('log_processor', {})['custom_cfg'] = entries
    run(switch(stock), tmp_path)
    told = [line for line in log_of(tmp_path).splitlines() if 'log_processor.custom_cfg: nothing logs' in line]
    assert len(told) == 1 and "nothing logs loss_kpt, every network logs its own; set data_src='a/loss_kpt'" in told[0]


def test_a_stock_sampler_that_gives_way_is_told(stock, tmp_path):
    run(switch(stock), tmp_path / 'stock')
    assert 'drawn alike' not in log_of(tmp_path / 'stock')
    stock['train_dataloader']['sampler'] = dict(type='MultiSourceSampler', batch_size=4, source_ratio=[1, 3])
    run(switch(stock), tmp_path / 'own')
    assert 'labelled instances are all drawn alike, not by MultiSourceSampler' in log_of(tmp_path / 'own')


def test_a_step_of_an_estimators_own_that_is_not_called_is_told(stock, tmp_path, monkeypatch):
    run(switch(stock), tmp_path / 'stock')
    assert 'is not called' not in log_of(tmp_path / 'stock')
    kind, step = MODELS.get('TopdownPoseEstimator'), BasePoseEstimator.train_step
    monkeypatch.setattr(kind, 'train_step', lambda *arguments: step(*arguments), raising=False)
    run(switch(stock), tmp_path / 'own')
    assert 'network b: TopdownPoseEstimator.train_step() is not called, one step trains' in log_of(tmp_path / 'own')


def test_a_runner_made_of_objects(stock, tmp_path):
    config = switch(stock)
    parts = ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'default_hooks')
    runner = Runner(
        model=MODELS.build(config.model),
        work_dir=str(tmp_path),
        default_scope='mmpose',
        experiment_name=f'objects_{id(config)}',
        **{part: config[part] for part in parts},
    )
    runner.train()
    assert runner.iter == 6


def test_a_folder_without_boxes_is_told(stock, people, tmp_path):
    def told(unlabeled, several=False):
        lines = []
        loader = SimpleNamespace(dataset=DATASETS.build(switch(stock, unlabeled=unlabeled).train_dataloader.dataset))
        logger, model = SimpleNamespace(warning=lines.append), SimpleNamespace(finds_instances=several)
        _warn_of_whole_images(SimpleNamespace(train_dataloader=loader, logger=logger, model=model))
        return lines

    images = str(people / 'images')
    (line,) = told(images)
    assert re.match(f'{images} comes without boxes, so that each whole image counts as one instance; .*--boxes', line)
    assert told('train.json') == told(images, several=True) == []
    run(switch(stock, unlabeled=images), tmp_path / 'folder')
    assert line in log_of(tmp_path / 'folder')
