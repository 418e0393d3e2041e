# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What the speed benchmark measures; how fast this machine is, no test asks."""

import json

import pytest
import torch
from conftest import tool

from mmpose_dualteach.datasets import UnlabeledPoseDataset
from mmpose_dualteach.dev.benchmark.speed import data, run
from mmpose_dualteach.dev.benchmark.speed.drawn_data import draw_images, write_index
from mmpose_dualteach.dev.benchmark.speed.encoding import encoding_seconds
from mmpose_dualteach.dev.benchmark.speed.step import Setup, compare, memory_over_floor, peak_bytes
from mmpose_dualteach.methods import find_method

benchmark_speed = tool('benchmark_speed')


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    return draw_images(str(folder), 3), str(folder)


def test_a_comparison_is_the_median_ratio_of_rounds_measured_in_turns():
    order = []
    times = dict(one=iter([9.0, 2.0, 3.0, 8.0]), other=iter([1.0, 2.0, 2.0, 2.0]))

    def measured(name):
        order.append(name)
        return next(times[name])

    found = compare(lambda: measured('one'), lambda: measured('other'), 3)
    assert found['ratio'] == 1.5, 'of 2/2, 3/2 and 8/2; the first round warms up'
    assert order == ['other', 'one', 'one', 'other'] * 2


def test_peak_memory_is_the_most_held_at_a_time():
    def action():
        one = torch.zeros(1000)
        del one
        two, three = torch.zeros(2000), torch.zeros(500)
        del two, three

    assert peak_bytes(action, lambda: None, 'cpu') == pytest.approx(10000, rel=0.1)


@pytest.mark.parametrize('method', ['multiaugs-one-four', 'sspcm'])
def test_the_floor_of_a_method_has_its_own_passes(images, method):
    setup = Setup(*images, 18, 2, 'cpu', method=method, **run.RECIPES['cpu'])
    counts = {}
    for action in (setup.step, setup.floor):
        passes = counts.setdefault(action.__name__, [])
        hooks = [
            network.backbone.register_forward_hook(lambda *_, to=passes: to.append(3 if torch.is_grad_enabled() else 1))
            for network in (*setup.model.networks.values(), *setup.model.copies.snapshots.values())
        ]
        setup.before()
        action()
        for hook in hooks:
            hook.remove()
    assert sorted(counts['step']) == sorted(counts['floor']) and sum(counts['floor']) == find_method(method).passes


def test_methods_are_compared(monkeypatch, tmp_path, capsys):
    measured = [dict(method='posedual', passes=14, step=1.04, memory=1.02)]
    monkeypatch.setattr(run, 'measure_methods', lambda rounds: measured)
    monkeypatch.setattr(run, 'encoding_seconds', lambda rounds: encoding_seconds(2, 5, 1))
    assert benchmark_speed(['--methods', '--json', str(tmp_path / 'methods.json')]) == 0
    written = json.loads((tmp_path / 'methods.json').read_text())
    assert written['methods'] == measured and all(0 < each < 5 for each in written['encoding'].values())
    assert '| posedual | 14 | 1.04 | 1.02 |' in capsys.readouterr().out


def test_the_floor_does_what_the_step_cannot_do_without(images):
    setup = Setup(*images, 18, 2, 'cpu')
    passes = dict(train=0, easy=0)

    def count(module, arguments):
        passes['train' if torch.is_grad_enabled() else 'easy'] += len(arguments[0])

    for network in setup.model.networks.values():
        network.backbone.register_forward_pre_hook(count)
    for action in (setup.step, setup.floor):
        passes.update(train=0, easy=0)
        before = setup.model.networks['a'].backbone.conv1.weight.clone()
        setup.before()
        action()
        assert passes == dict(train=8, easy=4), 'two networks: two labelled and two hard people; two easy ones'
        assert all(p.grad is not None for p in setup.model.parameters() if p.requires_grad)
        assert torch.equal(before, setup.model.networks['a'].backbone.conv1.weight), 'no optimizer in either'
    memory = memory_over_floor(setup)
    assert 0.9 < memory['ratio'] < 1.5 and memory['floor_mb'] > 10


def test_rates_compare_the_pair_with_the_stock_pipeline(images, monkeypatch):
    measured = []

    def compared(one, other, rounds):
        measured.append(rounds)
        return dict(ratio=2.0, one=4.0, other=2.0)

    monkeypatch.setattr(data, 'compare', compared)
    rate = data.pair_over_stock_rate(*images, 3)
    assert rate == dict(ratio=2.0, stock_per_s=16.0, pair_per_s=32.0) and measured == [3]


def test_growth_reads_as_many_as_it_says(tmp_path):
    (small,) = data.growth([1000])
    assert small['instances'] == 1000
    dataset = UnlabeledPoseDataset(ann_file=write_index(str(tmp_path), 1005), pipeline=[])
    assert len(dataset) == 1005 and dataset[1004]['img_path'].endswith('000000000100.jpg')


def test_the_tool_writes_every_name(monkeypatch, tmp_path, capsys):
    measured = {name: dict(value=0.9, parts=dict(one=1.0)) for name in run.TARGETS}
    monkeypatch.setattr(run, 'measure', lambda rounds: measured)
    assert benchmark_speed(['--json', str(tmp_path / 'speed.json')]) == 0
    written = json.loads((tmp_path / 'speed.json').read_text())
    assert set(written) == {*run.TARGETS, 'device', 'commit'} and written['step_over_floor']['value'] == 0.9
    assert benchmark_speed(['--rounds', '0']) == 1
    printed = capsys.readouterr().out
    assert printed.count('missed') == 1, '0.9 is more than half'
    assert '| ≥ 0.7 |  |' in printed
