# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from conftest import edit_json, run, switch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.runner import load_checkpoint
from mmpose.registry import MODELS

from mmpose_dualteach.engine import DualTeacherHook
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.engine.optim_wrappers.clip_each_network import clip_each_network
from mmpose_dualteach.engine.run.pseudo_schedule import PseudoSchedule
from mmpose_dualteach.models.pseudo_labels.teacher_copies import TeacherCopies
from mmpose_dualteach.switch import stock_config


def weights(runner) -> dict:
    return {key: value.clone() for key, value in runner.model.state_dict().items()}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def scalars(work_dir) -> list:
    return [json.loads(line) for path in work_dir.rglob('scalars.json') for line in path.read_text().splitlines()]


def test_schedule():
    schedule = PseudoSchedule(burn_in=2, ramp_up=4)
    assert [schedule.scale(t) for t in (0, 1.9, 2, 3, 4, 6, 9)] == [0, 0, 0, 0.25, 0.5, 1, 1]
    assert PseudoSchedule(0, 0).scale(0) == 1 and PseudoSchedule(3, 0).scale(3) == 1
    assert [PseudoSchedule(2, 0, 5).scale(t) for t in (1, 2, 4.9, 5, 6)] == [0, 1, 1, 0, 0]
    assert PseudoSchedule.of_run('20%', 2, 10) == PseudoSchedule(2, 2)
    with pytest.raises(ValueError, match='burn_in=-1'):
        PseudoSchedule(-1, 0)


def test_rounds_begin_with_a_snapshot_and_end_on_labels(stock, tmp_path, monkeypatch):
    lessons = [dict(teacher='a.snapshot', student='a')]
    model = dict(networks=dict(a=dict()), lessons=lessons)
    taken, take = [], TeacherCopies.take_snapshots

    def noted(self, networks) -> None:
        taken.append(MessageHub.get_current_instance().get_info('iter'))
        take(self, networks)

    monkeypatch.setattr(TeacherCopies, 'take_snapshots', noted)
    stock['train_cfg'].update(max_epochs=2)  # Of 6 iterations.
    runner = run(switch(stock, model=model, hook=dict(rounds=2)), tmp_path)
    assert taken == [0, 2, 5, 8, 11], 'at the start, and after every third iteration'
    assert len(runner.message_hub.get_scalar('train/a/loss_kpt').data[0]) == 12
    assert len(runner.message_hub.get_scalar('train/a/loss_pseudo').data[0]) == 6
    log = next(tmp_path.rglob('*.log')).read_text()
    assert 'a.snapshot teaches a; they count after iteration 3, until iteration 9' in log
    for options, message in (
        (dict(rounds=0), 'rounds=0 must be at least 1'),
        (dict(rounds=2, burn_in=1), 'leave out burn_in'),
    ):
        with pytest.raises(ValueError, match=message):
            DualTeacherHook(**options)
    runner.train_loop._max_iters = 3
    with pytest.raises(ValueError, match='rounds=2 needs more than 3 iterations'):
        DualTeacherHook(rounds=2)._plan_rounds(runner, 2)


@pytest.mark.parametrize('by_epoch, iterations', [(True, 20), (False, 2)])
def test_rounds_ramp_up_in_the_unit_that_is_asked_for(by_epoch, iterations):
    hook = DualTeacherHook(rounds=2, ramp_up=2, by_epoch=by_epoch)
    hook._plan_rounds(SimpleNamespace(max_iters=400, train_dataloader=range(10)), 2)
    assert (hook.schedule.burn_in, hook.schedule.ramp_up) == (100, iterations)


def test_burn_in_ramp_up_and_health_are_in_the_log(stock, tmp_path):
    config = switch(stock, hook=dict(burn_in=2, ramp_up=2, by_epoch=False, interval=1))
    run(config, tmp_path)
    lines = [line for line in scalars(tmp_path) if 'loss' in line]
    assert len(lines) == 6
    assert ['a/loss_pseudo' in line for line in lines] == [False, False, False, True, True, True]
    for key in ('a/peak_unlabeled', 'b/peak_unlabeled', 'a/peak_labeled', 'agreement_px', 'valid_share'):
        assert key in lines[-1], key
    assert 0 < lines[-1]['valid_share'] <= 1 and lines[-1]['agreement_px'] >= 0
    assert list(tmp_path.rglob('lessons_6.png')), 'the last step is drawn'


def test_scores_of_all_and_exports(stock, tmp_path):
    config = switch(stock)
    runner = run(config, tmp_path)
    line = [line for line in scalars(tmp_path) if 'PCK' in line][-1]
    assert {'PCK', 'b/PCK', 'mean/PCK'} <= set(line)
    best = 'a' if line['PCK'] >= line['b/PCK'] else 'b'
    plain = MODELS.build(stock_config(config).model)
    for name in ('student_best.pth', 'student_last.pth'):
        plain.load_state_dict(load_safely(str(tmp_path / name))['state_dict'], strict=True)
    assert same(plain.state_dict(), runner.model.networks[best].cpu().state_dict())
    meta = torch.load(tmp_path / 'student_last.pth')['meta']
    assert meta['dataset_meta']['num_keypoints'] == 17
    assert Config.fromstring(meta['cfg'], '.py').model.type == 'TopdownPoseEstimator'


def test_unlabelled_annotations_never_reach_the_model(people, stock, tmp_path):
    def spoil(content):
        for annotation in content['annotations']:
            annotation['keypoints'] = [float('nan')] * 51
            annotation.pop('num_keypoints')

    path = edit_json(people / 'train.json', tmp_path / 'nan.json', spoil)
    one = run(switch(stock, labeled=dict(indices=8)), tmp_path / 'one')
    other = run(switch(stock, labeled=dict(indices=8), unlabeled=str(path)), tmp_path / 'other')
    assert same(weights(one), weights(other))


def test_a_resumed_run_goes_on_where_it_stopped(stock, tmp_path):
    config = switch(stock, hook=dict(burn_in=1))
    whole = run(config, tmp_path / 'whole', train_cfg=dict(max_epochs=2))
    run(config, tmp_path / 'part', train_cfg=dict(max_epochs=1))
    resumed = run(config, tmp_path / 'part', train_cfg=dict(max_epochs=2), resume=True)
    assert resumed.epoch == 2 and resumed.iter == whole.iter == 12
    assert resumed.message_hub.get_info('mutual_teaching_scores')['indicator'] == 'PCK'
    assert resumed.optim_wrapper.get_lr() == whole.optim_wrapper.get_lr()
    steps = {int(state['step']) for state in resumed.optim_wrapper.optimizer.state.values()}
    assert steps == {12}, 'Adam goes on where it stopped'
    assert resumed.train_dataloader.sampler.epoch == 1


def test_moving_average_teaches_buffers_included(stock, tmp_path):
    lesson = dict(teacher='a.ema', student='a')
    config = switch(stock, model=dict(networks=dict(a=dict()), lessons=[lesson]), hook=dict(momentum=0.5))
    runner = run(config, tmp_path)
    model = runner.model
    average, network = model.copies.averages['a'].module, model.networks['a']
    assert model.copies.averages['a'].steps == 7, 'one copy at the start, one update a step'
    for kind in ('named_parameters', 'named_buffers'):
        pairs = [(value, dict(getattr(network, kind)())[key]) for key, value in getattr(average, kind)()]
        moved = [not torch.equal(one, other) for one, other in pairs if one.is_floating_point()]
        assert any(moved), kind
        assert all((one - other).abs().max() < 1 for one, other in pairs if one.is_floating_point())
    assert not any(parameter.requires_grad for parameter in average.parameters())


@pytest.mark.parametrize('channels_last', [False, True])
def test_a_young_average_follows_its_network_wherever_it_is_moved(stock, tmp_path, channels_last):
    """Another memory format is to weights what another device is: new tensors."""
    lesson = dict(teacher='a.ema', student='a')
    runner = run(
        switch(stock, model=dict(networks=dict(a=dict()), lessons=[lesson], channels_last=channels_last)), tmp_path
    )
    model = runner.model.cpu()
    average, network = model.copies.averages['a'].module, model.networks['a']
    start = MODELS.build(runner.cfg.model)
    start.init_weights()
    assert runner.model.copies.averages['a'].momentum == pytest.approx(10 / 15)
    for (key, mean), now, first in zip(
        average.named_parameters(), network.parameters(), start.networks['a'].parameters()
    ):
        # Six updates of a thousandth would leave 99.4% of the beginning; here the last step weighs 10 / 15.
        assert (mean - now).norm() < 0.5 * (first - now).norm() or not (first - now).norm(), key


def hook_and_runner(**options):
    hook = DualTeacherHook(**options)
    messages = []
    hub = SimpleNamespace(runtime_info={}, update_info=lambda key, value: hub.runtime_info.__setitem__(key, value))
    runner = SimpleNamespace(iter=41, message_hub=hub, logger=SimpleNamespace(warning=messages.append))
    adapters = dict.fromkeys(('a', 'b'), SimpleNamespace(ripe=0.0))
    hook._model = SimpleNamespace(networks=['a', 'b'], adapters=adapters)
    return hook, runner, messages


def peaks(unlabeled, labeled=0.8):
    return {'a/peak_unlabeled': torch.tensor(unlabeled), 'a/peak_labeled': torch.tensor(labeled)}


def test_collapse_watch_names_the_iteration_once():
    hook, runner, messages = hook_and_runner(collapse_fraction=0.25)
    for value in (0.5, 0.19, 0.1, 0.3, 0.1):
        hook.watch.collapse(runner, hook._model, peaks(value))
        runner.iter += 1
    assert len(messages) == 2 and 'iteration 43' in messages[0] and '0.190' in messages[0]
    assert 'iteration 46' in messages[1]


def test_collapse_watch_stops_if_asked():
    hook, runner, _ = hook_and_runner(on_collapse='stop')
    with pytest.raises(RuntimeError, match='collapse: at iteration 42'):
        hook.watch.collapse(runner, hook._model, peaks(0.01))


def test_non_finite_loss_stops_and_is_named(stock, tmp_path):
    config = switch(stock, hook=dict(burn_in=2, by_epoch=False))
    config.model.sup_weight = float('nan')
    with pytest.raises(RuntimeError, match='iteration 1: .*a/loss_kpt.*not finite'):
        run(config, tmp_path)
    assert not list(tmp_path.glob('epoch_*.pth')), 'nothing broken is saved'


def test_changed_batch_size_is_named(switched, tmp_path):
    with pytest.raises(ValueError, match='batch_size is 6 but its sampler fills batches of 4 labelled and 4'):
        run(switched, tmp_path, train_dataloader=dict(batch_size=6))


def test_each_network_is_clipped_by_itself(stock, tmp_path):
    one, other = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(2))
    one.grad, other.grad = torch.tensor([3.0, 4.0]), torch.tensor([0.3, 0.4])
    norm = clip_each_network([[one], [other]], [one, other], max_norm=1.0)
    assert norm == 5 and torch.allclose(one.grad, torch.tensor([0.6, 0.8]), atol=1e-5)
    assert torch.equal(other.grad, torch.tensor([0.3, 0.4]))
    frozen = torch.nn.Parameter(torch.zeros(2))  # Without a gradient: mmengine does not hand it on.
    calls = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch.nn.utils, 'clip_grad_norm_', lambda own, **_: calls.append(own) or torch.ones(()))
        clip_each_network([[one], [frozen]], [one], max_norm=1.0)
    assert calls == [[one]], "a frozen network's norm would be a zero on the CPU, wherever the others are"
    assert clip_each_network([[frozen]], [], max_norm=1.0) == 0
    stock['optim_wrapper']['clip_grad'] = dict(max_norm=1e-9)
    runner = run(switch(stock), tmp_path)
    assert runner.optim_wrapper.clip_func.func is clip_each_network


@pytest.mark.parametrize('by_epoch', [True, False])
def test_parts_of_the_schedule_may_be_shares_of_the_run(stock, tmp_path, by_epoch):
    run(switch(stock, hook=dict(burn_in='50%', ramp_up='25%', by_epoch=by_epoch)), tmp_path)
    told = (
        'after epoch 0.5, in full 0.25 epochs later' if by_epoch else 'after iteration 3, in full 1.5 iterations later'
    )
    assert f'they count {told}' in log_of(tmp_path)


def test_broken_images_are_listed_after_each_pass_of_the_loader(stock, people, tmp_path):
    shutil.copytree(people, tmp_path / 'people')
    stock['train_dataloader']['dataset']['data_root'] = str(tmp_path / 'people')
    (tmp_path / 'people' / 'images' / 'train_00020.jpg').write_bytes(b'no image')
    config = switch(stock)
    runner = run(config, tmp_path / 'fine')
    log = next((tmp_path / 'fine').rglob('*.log')).read_text()
    assert (
        'until iteration 6: 1 unlabelled images could not be used' in log and 'train_00020.jpg does not decode' in log
    )
    assert runner.epoch == 1
    report = json.loads((tmp_path / 'fine' / 'skipped.json').read_text())
    broken = str(tmp_path / 'people' / 'images' / 'train_00020.jpg')
    assert report == dict(images={broken: 'does not decode'}, boxes={}, left_out={})
    report['images']['before'] = 'is empty'
    (tmp_path / 'fine' / 'skipped.json').write_text(json.dumps(report))
    run(config, tmp_path / 'fine', train_cfg=dict(max_epochs=2), resume=True)
    assert json.loads((tmp_path / 'fine' / 'skipped.json').read_text()) == report, 'what is known stays known'
    config.train_dataloader.dataset.unlabeled.max_broken = 0.01
    loop = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=12, val_interval=12)  # mmengine has it one epoch.
    with pytest.raises(ValueError, match='4% of the last 25 .* until iteration 6, .*max_broken=0.01.*--max-broken'):
        run(config, tmp_path / 'too_many', train_cfg=dict(loop), param_scheduler=[])
    with pytest.raises(ValueError, match='4% of the last 25 .* until iteration 6, .*max_broken=0.01.*--max-broken'):
        run(config, tmp_path / 'one_epoch')
    assert (tmp_path / 'one_epoch' / 'epoch_1.pth').exists() and (tmp_path / 'one_epoch' / 'student_last.pth').exists()
    images = tmp_path / 'people' / 'images'  # A run that ends before its first pass: all is saved, and it fails.
    for number in range(9, 21):
        (images / f'train_{number:05d}.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match='until iteration 4, could not be used'):
        run(config, tmp_path / 'short', train_cfg=dict(loop, max_iters=4, val_interval=4), param_scheduler=[])
    assert (tmp_path / 'short' / 'student_last.pth').exists()


def test_part_of_a_pass_says_little_of_the_whole(stock, people, tmp_path):
    """One image of 24 is broken: wherever a run ends, or is resumed, it is not more than a tenth."""
    shutil.copytree(people, tmp_path / 'people')
    stock['train_dataloader']['dataset']['data_root'] = str(tmp_path / 'people')
    (tmp_path / 'people' / 'images' / 'train_00020.jpg').write_bytes(b'no image')
    stock['default_hooks']['checkpoint'].update(by_epoch=False, interval=1)
    config = switch(stock)
    loop = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=1, val_interval=20)
    for iterations in (*range(1, 7), *range(7, 10)):  # The last ones of a pass alone, and then a run of several.
        run(config, tmp_path / 'work', train_cfg=dict(loop, max_iters=iterations), param_scheduler=[], resume=True)
    run(config, tmp_path / 'whole', train_cfg=dict(loop, max_iters=8), param_scheduler=[])
    assert (tmp_path / 'work' / 'iter_9.pth').exists() and (tmp_path / 'whole' / 'iter_8.pth').exists()


def test_images_that_are_learned_from_and_measured_on_are_told(stock, tmp_path):
    stock['val_dataloader']['dataset']['ann_file'] = 'train.json'
    run(switch(stock), tmp_path)
    log = next(tmp_path.rglob('*.log')).read_text()
    assert '8 of 8 labelled images are validation images too' in log
    assert '24 of 24 unlabelled images are validation images too' in log


@pytest.mark.parametrize(
    'options',
    [
        dict(on_collapse='x'),
        dict(momentum=0),
        dict(interval=0),
        dict(ramp_up=-1),
        dict(ramp_up='101%'),
        dict(burn_in='3'),
        dict(burn_in='x%'),
    ],
)
def test_bad_options_are_named(options):
    with pytest.raises(ValueError, match='DualTeacherHook: .*' + next(iter(options))):
        DualTeacherHook(**options)


def test_wrapper_checkpoint_loads_by_mmengine(switched, tmp_path):
    run(switched, tmp_path)
    model = MODELS.build(switched.model)
    load_checkpoint(model, str(tmp_path / 'epoch_1.pth'), strict=True)


def log_of(folder) -> str:
    return ''.join(path.read_text() for path in folder.glob('*/*.log'))


def test_drift_is_ended_once_and_for_all(stock, tmp_path, monkeypatch):
    monkeypatch.setattr('mmpose_dualteach.engine.run.lesson_watch.WELL_MOVED', 1e-6)
    config = switch(stock, hook=dict(interval=2, max_drift=1e-6))
    runner = run(config, tmp_path, train_cfg=dict(max_epochs=2))
    told = [line for line in log_of(tmp_path).splitlines() if 'drift: at iteration' in line]
    assert len(told) == 1 and 'drift: at iteration 2 network a has' in told[0]
    assert runner.model.statistics.kind == 'labeled' and runner.message_hub.get_info('mutual_teaching_drift') == 2
    assert runner.model.groups[0].teacher_mode == 'eval'
    resumed = run(config, tmp_path, train_cfg=dict(max_epochs=3), resume=True)
    assert resumed.iter == 18 and resumed.model.statistics.kind == 'labeled'
    unlike = run(switch(stock, hook=dict(interval=2, max_drift=1e6)), tmp_path / 'unlike')
    assert unlike.model.statistics.kind == 'easy' and 'a/labeled_as_easy: ' in log_of(tmp_path / 'unlike')


@pytest.mark.parametrize('interval', [6, 4])  # Drift is ended in the last step before a checkpoint, and before that.
def test_a_run_whose_drift_was_ended_goes_on_as_if_it_had_not_stopped(stock, tmp_path, monkeypatch, interval):
    monkeypatch.setattr('mmpose_dualteach.engine.run.lesson_watch.WELL_MOVED', 1e-6)
    stock['param_scheduler'] = []
    config = switch(stock, hook=dict(interval=interval, max_drift=1e-6))
    whole = run(config, tmp_path / 'whole', train_cfg=dict(max_epochs=2))
    run(config, tmp_path / 'cut', train_cfg=dict(max_epochs=1))
    cut = run(config, tmp_path / 'cut', train_cfg=dict(max_epochs=2), resume=True)
    assert whole.message_hub.get_info('mutual_teaching_drift') == interval and cut.iter == 12
    weights = cut.model.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in whole.model.state_dict().items())
