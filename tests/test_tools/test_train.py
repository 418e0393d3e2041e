# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""tools/train.py: the options it hands on, and what users get wrong, each in one line."""

import re
import runpy
import shutil
import sys
from urllib.error import URLError

import pytest
import torch
from conftest import switch, tool
from mmengine.config import Config

train = tool('train')


@pytest.fixture
def handed_on(monkeypatch):
    """What MMPose's own train.py is called with."""
    calls = []
    monkeypatch.setattr(sys, 'argv', list(sys.argv))
    monkeypatch.setattr(runpy, 'run_path', lambda *_, **__: calls.append(sys.argv[1:]))
    return calls


@pytest.fixture
def config(stock, tmp_path) -> str:
    switch(stock).dump(tmp_path / 'config.py')
    return str(tmp_path / 'config.py')


@pytest.mark.parametrize(
    'options, expected',
    [
        (['CONFIG', '--amp', '--resume'], ['--amp', '--resume']),
        (['--amp', '--resume', 'x.pth', 'CONFIG'], ['--amp', '--resume', 'x.pth']),
        (['--cfg-options', 'a.b=1', 'c=2', '--work-dir', 'WORK', 'CONFIG'], ['--cfg-options', 'a.b=1', 'c=2']),
        (['--launcher', 'none', 'CONFIG', '--auto-scale-lr'], ['--auto-scale-lr', '--launcher', 'none']),
        (
            ['--show-dir', 'pictures', '--interval', '3', 'CONFIG', '--no-validate'],
            ['--no-validate', '--show-dir', 'pictures', '--interval', '3'],
        ),
    ],
)
def test_options_are_handed_on_wherever_they_stand(options, expected, config, tmp_path, handed_on):
    given = [config if each == 'CONFIG' else str(tmp_path / 'work') if each == 'WORK' else each for each in options]
    work = [] if 'WORK' in options else ['--work-dir', str(tmp_path / 'work')]
    assert train([*work, *given]) == 0
    assert handed_on == [[config, '--work-dir', str(tmp_path / 'work'), *expected]]


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without a GPU')
@pytest.mark.parametrize('launcher', [['--launcher', 'pytorch'], ['--launcher=pytorch']])
def test_several_processes_on_cpus_start_however_they_are_asked_for(launcher, config, handed_on, monkeypatch):
    started = []
    monkeypatch.setattr(torch.distributed, 'init_process_group', started.append)
    assert train([config, *launcher, '--cfg-options', 'a=1']) == 0
    assert started == ['gloo'] and handed_on[0][-4:] == [
        '--cfg-options',
        'model_wrapper_cfg.device_ids=None',
        'model_wrapper_cfg.broadcast_buffers=False',
        'a=1',
    ]


def test_the_baseline_of_either_config(config, stock, tmp_path, handed_on, people):
    Config(stock).dump(tmp_path / 'stock.py')
    for given, more in ((config, []), (str(tmp_path / 'stock.py'), ['--unlabeled', str(people / 'train.json')])):
        assert train([given, *more, '--supervised', '--work-dir', str(tmp_path / 'work')]) == 0
        name = given.rsplit('/', 1)[1]
        assert handed_on.pop() == [str(tmp_path / 'work' / f'supervised_{name}'), '--work-dir', str(tmp_path / 'work')]
        written = Config.fromfile(tmp_path / 'work' / f'supervised_{name}')
        assert written.model.lessons == [] and list(written.model.networks) == ['a']
        assert written.train_dataloader.dataset.labels_alone and written.train_dataloader.batch_size == 4


def test_the_configs_own_folder_is_used(stock, tmp_path, handed_on):
    config = switch(stock)
    config.work_dir = str(tmp_path / 'mine')
    config.dump(tmp_path / 'config.py')
    assert train([str(tmp_path / 'config.py')]) == 0
    assert handed_on == [[str(tmp_path / 'config.py'), '--work-dir', str(tmp_path / 'mine')]]


@pytest.mark.parametrize(
    'options',
    [
        ['--batch', '1', '2'],
        ['--burn-in', '3'],
        ['--joint-cutout'],
        ['--frames', 'x'],
        ['--epoch', 'labeled'],
        ['--unlabeled', 'u.json'],
    ],
)
def test_what_would_change_nothing_is_refused(options, config, capsys):
    assert f'so {options[0]} would change nothing' in error_of([config, *options], capsys)


def error_of(arguments, capsys) -> str:
    assert train([str(each) for each in arguments]) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert len(error) == 1
    return error[0]


def stocks_file(stock, tmp_path) -> str:
    Config(stock).dump(tmp_path / 'stock.py')
    return str(tmp_path / 'stock.py')


def test_what_the_data_lacks_is_one_line(stock, tmp_path, capsys):
    path = stocks_file(stock, tmp_path)
    assert 'nowhere.json is missing' in error_of([path, '--unlabeled', 'nowhere.json'], capsys)
    assert 'nowhere.mp4' in error_of([path, '--unlabeled', 'nowhere.mp4'], capsys)
    assert 'labelled set: annotation file' in error_of(
        [path, '--unlabeled', 'train.json', '--labeled', 'no.json'], capsys
    )


@pytest.mark.parametrize('workers', [0, 1])
def test_a_labelled_image_that_does_not_load_is_one_line(stock, people, tmp_path, capsys, workers):
    shutil.copytree(people, tmp_path / 'people')
    stock['train_dataloader']['dataset']['data_root'] = str(tmp_path / 'people')
    stock['train_dataloader'].update(num_workers=workers)
    switch(stock).dump(tmp_path / 'config.py')
    for path in (tmp_path / 'people' / 'images').glob('train_0000*.jpg'):
        path.write_bytes(b'no image')
    error = error_of([tmp_path / 'config.py', '--work-dir', tmp_path / 'work'], capsys)
    assert re.match(r'error: labelled image \S+train_0000\d.jpg: .*check_data.py finds all', error), error


@pytest.mark.parametrize(
    'option, message',
    [
        ('custom_hooks.7.ramp_up=5', 'has 1 custom_hooks; .*default_hooks.dual_teacher.ramp_up=...'),
        ('default_hooks.dual_teacher.rampup=5', "DualTeacherHook has no option 'rampup'"),
        ('model.sup_wieght=1', "model has no 'sup_wieght'; did you mean sup_weight?"),
        ('model.predict_on=c', "model.predict_on='c'; choose one of"),
        ('train_dataloader.sampler.epoch=x', "epoch='x'; choose"),
        ('hook.burn_in=5', "no key 'hook', .*change nothing; set default_hooks.dual_teacher.burn_in, see docs/options"),
        ('unlabeled.max_broken=0.9', 'set train_dataloader.dataset.unlabeled.max_broken, see'),
        ('rand_augment=False', "no key 'rand_augment', .*say it in the switch, by rand_augment=..., see"),
        ('default_hooks.dual_teacher=None', 'dual_teacher=None: mutual teaching needs that hook'),
        ('load_from=nothere.pth', 'weights nothere.pth do not exist; name a file that does in init_cfg or load_from'),
    ],
)
def test_misspelt_options_are_one_line(option, message, config, tmp_path, capsys):
    error = error_of([config, '--work-dir', tmp_path / 'work', '--cfg-options', option], capsys)
    assert re.search(message, error), error


def test_an_option_without_a_value_and_a_work_directory_that_is_a_file(config, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train([config, '--cfg-options', 'foo'])
    assert "'foo' is no KEY=VALUE; write both" in capsys.readouterr().err
    assert f'--work-dir {config} is no folder; name one' in error_of([config, '--work-dir', config], capsys)


def test_weights_that_cannot_be_fetched_are_one_line(config, tmp_path, capsys, monkeypatch):
    def no_connection(*_, **__):
        raise URLError('no route to host')

    monkeypatch.setattr('mmengine.runner.checkpoint.load_url', no_connection)
    options = ['--work-dir', tmp_path / 'work', '--cfg-options', 'load_from=https://nowhere.test/w.pth']
    error = error_of([config, *options], capsys)
    assert re.search(r'weights https://nowhere.test/w.pth cannot be fetched \(URLError.*download them', error), error
