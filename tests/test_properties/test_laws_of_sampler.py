# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Laws of the sampler, for any sizes, batches, numbers of processes and epochs."""

from collections import Counter
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import mmpose_dualteach.datasets.samplers.labeled_unlabeled_sampler as module


@st.composite
def plans(draw):
    """What a run's samplers are made of."""
    sizes = dict(num_labeled=draw(st.integers(1, 40)), num_unlabeled=draw(st.integers(1, 40)))
    if draw(st.booleans()):
        images = draw(st.lists(st.integers(0, 9), min_size=sizes['num_unlabeled'], max_size=sizes['num_unlabeled']))
        sizes['image_of_each'] = np.array(images, dtype=np.int32)
    options = dict(
        labeled=draw(st.integers(1, 9)),
        unlabeled=draw(st.integers(1, 9)),
        seed=draw(st.integers(0, 2**31)),
        epoch=draw(st.sampled_from(['labeled', 'unlabeled'])),
    )
    world = draw(st.integers(1, 4))
    assume(sizes[f'num_{options["epoch"]}'] >= world)
    return SimpleNamespace(**sizes), options, world


def samplers(plan, epoch: int = 0) -> list:
    dataset, options, world = plan
    found = []
    for rank in range(world):
        with patch.object(module, 'get_dist_info', lambda rank=rank: (rank, world)):
            found.append(module.LabeledUnlabeledSampler(dataset, **options))
        found[-1].set_epoch(epoch)
    return found


def batches(sampler) -> np.ndarray:
    return np.array(list(sampler), dtype=np.int64).reshape(-1, sampler.batch_size)


@given(plans(), st.integers(0, 1000))
def test_each_batch_holds_as_many_of_either_kind_on_every_rank(plan, epoch):
    dataset, options, _ = plan
    ranks = samplers(plan, epoch)
    assert len({len(each) for each in ranks}) == 1, 'or ranks would wait for each other for ever'
    for each in ranks:
        drawn = batches(each)
        assert drawn.size == len(each) and drawn.min() >= 0
        assert (drawn[:, : options['labeled']] < dataset.num_labeled).all()
        unlabeled = drawn[:, options['labeled'] :]
        assert ((unlabeled >= dataset.num_labeled) & (unlabeled < dataset.num_labeled + dataset.num_unlabeled)).all()


@given(plans(), st.integers(0, 1000))
def test_an_epoch_passes_over_everyone_and_ranks_share_no_one(plan, epoch):
    dataset, options, world = plan
    first, count, size = (
        (0, options['labeled'], dataset.num_labeled)
        if options['epoch'] == 'labeled'
        else (options['labeled'], options['unlabeled'], dataset.num_unlabeled)
    )
    shares = [batches(each)[:, first : first + count] for each in samplers(plan, epoch)]
    people = [set(share.ravel().tolist()) for share in shares]
    assert sum(map(len, people)) == len(set().union(*people)) == size
    again = [count for share in shares for count in Counter(share.ravel().tolist()).values()]
    # Only what fills the last batch comes again.
    assert (
        max(again) - min(again) <= -(-count // max(1, min(map(len, people))))
        and max(map(len, people)) - min(map(len, people)) <= 1
    )


@given(plans(), st.integers(1, 6))
def test_the_other_set_goes_round_evenly_over_epochs_and_ranks(plan, epochs):
    dataset, options, _ = plan
    first, count, start, size = (
        (options['labeled'], options['unlabeled'], dataset.num_labeled, dataset.num_unlabeled)
        if options['epoch'] == 'labeled'
        else (0, options['labeled'], 0, dataset.num_labeled)
    )
    counts = Counter(dict.fromkeys(range(start, start + size), 0))
    for epoch in range(epochs):
        for each in samplers(plan, epoch):
            counts.update(batches(each)[:, first : first + count].ravel().tolist())
    assert len(counts) == size and max(counts.values()) - min(counts.values()) <= 1


@given(plans(), st.integers(0, 5), st.data())
def test_a_resumed_epoch_draws_the_rest_of_the_interrupted_one(plan, epoch, data):
    for whole, resumed in zip(samplers(plan, epoch), samplers(plan, epoch)):
        every = list(whole)
        done = data.draw(st.integers(0, whole.num_batches))
        resumed.skip_batches(done)
        rest = list(resumed)
        assert rest == every[done * whole.batch_size :]
        assert [each.key for each in rest] == [each.key for each in every[done * whole.batch_size :]]
        assert list(resumed) == every, 'the next epoch is a whole one'


@given(plans(), st.integers(0, 5))
def test_no_two_draws_begin_with_the_same_random_state(plan, epoch):
    keys = [each.key for number in (epoch, epoch + 1) for sampler in samplers(plan, number) for each in sampler]
    assert len(keys) == len(set(keys))


@given(plans(), st.integers(0, 5))
def test_instances_of_one_image_stand_together_in_a_batch_and_the_batch_is_the_same(plan, epoch):
    dataset, options, world = plan
    images = getattr(dataset, 'image_of_each', None)
    assume(images is not None)
    apart = SimpleNamespace(num_labeled=dataset.num_labeled, num_unlabeled=dataset.num_unlabeled)
    for one, other in zip(samplers(plan, epoch), samplers((apart, options, world), epoch)):
        for ordered, plain in zip(batches(one), batches(other)):
            assert (ordered[: options['labeled']] == plain[: options['labeled']]).all()
            assert sorted(ordered) == sorted(plain)
            row = images[ordered[options['labeled'] :] - dataset.num_labeled]
            assert (row == np.sort(row)).all()
