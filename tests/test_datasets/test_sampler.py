# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from collections import Counter
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

import mmpose_dualteach.datasets.samplers.labeled_unlabeled_sampler as module
from mmpose_dualteach.datasets import LabeledUnlabeledSampler

DATASET = SimpleNamespace(num_labeled=7, num_unlabeled=50)


def sampler(monkeypatch, rank=0, world=1, dataset=DATASET, **options):
    monkeypatch.setattr(module, 'get_dist_info', lambda: (rank, world))
    return LabeledUnlabeledSampler(dataset, **dict(dict(labeled=3, unlabeled=4, seed=5), **options))


def batches(one) -> np.ndarray:
    return np.array(list(one)).reshape(-1, one.batch_size)


def test_composition_and_length(monkeypatch):
    one = sampler(monkeypatch)
    drawn = batches(one)
    assert len(one) == drawn.size and len(drawn) == 13
    assert (drawn[:, :3] < 7).all() and (drawn[:, 3:] >= 7).all() and drawn.max() < 57


@pytest.mark.parametrize('world', [1, 2, 3])
def test_coverage_without_overlap(monkeypatch, world):
    shares = []
    for rank in range(world):
        one = sampler(monkeypatch, rank, world)
        one.set_epoch(2)
        shares.append(set(batches(one)[:, 3:].ravel()))
    assert set().union(*shares) == set(range(7, 57))
    assert sum(map(len, shares)) == 50
    assert len({len(sampler(monkeypatch, rank, world)) for rank in range(world)}) == 1


def test_labelled_rounds_are_even_across_epochs(monkeypatch):
    one = sampler(monkeypatch)
    counts = Counter()
    for epoch in range(7):
        one.set_epoch(epoch)
        counts.update(batches(one)[:, :3].ravel().tolist())
    assert set(counts) == set(range(7)) and max(counts.values()) - min(counts.values()) <= 1


def test_ranks_share_the_labelled_rounds(monkeypatch):
    counts = Counter()
    for rank in range(2):
        counts.update(batches(sampler(monkeypatch, rank, 2))[:, :3].ravel().tolist())
    assert max(counts.values()) - min(counts.values()) <= 1


def test_deterministic_and_shuffled(monkeypatch):
    one, again, other = sampler(monkeypatch), sampler(monkeypatch), sampler(monkeypatch, seed=6)
    assert list(one) == list(again) != list(other)
    first = list(one)
    one.set_epoch(1)
    assert list(one) != first


def test_resume_draws_what_would_have_been_drawn(monkeypatch):
    whole = sampler(monkeypatch)
    for epoch in range(3):
        whole.set_epoch(epoch)
        expected = list(whole)
    resumed = sampler(monkeypatch)
    resumed.set_epoch(2)
    assert list(resumed) == expected


@pytest.mark.parametrize('had', [0, 1, 3, 7])
def test_a_run_by_iterations_draws_one_epoch_after_the_other(monkeypatch, had):
    expected = []
    for epoch in range(5):
        one = sampler(monkeypatch)
        one.set_epoch(epoch)
        expected += list(one)
    endless = sampler(monkeypatch)
    endless.go_on_endlessly(had)
    begin = had * endless.batch_size
    drawn = list(islice(endless, len(expected) - begin))
    assert drawn == expected[begin:] and [each.key for each in drawn] == [each.key for each in expected[begin:]]


def test_an_epoch_over_the_labelled(monkeypatch):
    drawn = batches(sampler(monkeypatch, epoch='labeled'))
    assert len(drawn) == 3 and set(drawn[:, :3].ravel()) == set(range(7))


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(labeled=0), 'batch_size to 2 or more'),
        (dict(unlabeled=0), 'batch_size to 2 or more'),
        (dict(epoch='both'), "choose 'unlabeled' or 'labeled'"),
    ],
)
def test_bad_options_are_named(monkeypatch, options, message):
    with pytest.raises(ValueError, match=message):
        sampler(monkeypatch, **options)


def test_fewer_instances_than_processes(monkeypatch):
    with pytest.raises(ValueError, match='fewer than the 4 processes'):
        sampler(monkeypatch, 0, 4, SimpleNamespace(num_labeled=7, num_unlabeled=3))


def test_labels_alone_in_as_many_batches(monkeypatch):
    alone = sampler(monkeypatch, dataset=SimpleNamespace(**vars(DATASET), labels_alone=True))
    both = sampler(monkeypatch)
    for epoch in (0, 3):
        alone.set_epoch(epoch)
        both.set_epoch(epoch)
        assert (batches(alone) == batches(both)[:, :3]).all() and len(alone) == 3 * len(batches(both))
    first, second = (next(iter(one)) for one in (alone, both))
    assert first.key == second.key, 'and loaded from the same random state'


def test_batches_that_take_more_than_there_is_are_told(monkeypatch):
    lines = []
    monkeypatch.setattr(module, 'print_log', lambda line, **_: lines.append(line))
    sampler(monkeypatch, labeled=7, unlabeled=50)
    assert not lines
    sampler(monkeypatch, labeled=8, unlabeled=50)
    assert lines == [
        'a batch takes 8 labelled instances, but there are only 7: some come several times in it; lower '
        'sampler.labeled and batch_size of train_dataloader (--batch), or give more labelled instances'
    ]
    sampler(monkeypatch, 0, 2, labeled=3, unlabeled=26)
    assert len(lines) == 2 and lines[1].startswith(
        'a step of 2 processes takes 52 unlabelled instances, but there are only 50'
    )
