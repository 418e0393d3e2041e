# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Occlusions against plain loops over instances, patches and pixels."""

import copy

import pytest
import torch
from conftest import switch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmpose.registry import DATASETS, MODELS

from mmpose_dualteach.models import BlockShuffle, JointCutout, JointOcclude, KeypointMix, RandomCutMix, RandomCutout
from mmpose_dualteach.models.occlusions import parse_paths
from mmpose_dualteach.models.occlusions.occlusion import Occlusion
from mmpose_dualteach.models.occlusions.patches import draw_joints, others, shifted

SIZE = (40, 56)


def batch(people=4, joints=6):
    images = torch.rand(people, 3, SIZE[1], SIZE[0]) + 1
    return images, torch.rand(people, joints, 2) * torch.tensor(SIZE)


@pytest.mark.parametrize('transposed', [False, True])
def test_joint_occlude_pastes_what_lies_around_another_instances_joint(monkeypatch, transposed):
    images, points = batch()
    before = images.clone()
    occlude = JointOcclude(joints=2, jitter=0.0, transposed=transposed)
    partner, mine, theirs = torch.tensor([2, 0, 3, 1]), torch.tensor([[0, 3]] * 4), torch.tensor([[5, 1]] * 4)
    drawn = iter([mine, theirs])
    halves = torch.rand(4, 2, 2) * 6 + 2
    module = 'mmpose_dualteach.models.occlusions.joint_occlude'
    monkeypatch.setattr(f'{module}.others', lambda *_: partner)
    monkeypatch.setattr(f'{module}.draw_joints', lambda *_: next(drawn))
    monkeypatch.setattr(occlude, 'halves', lambda *_: halves)
    result = occlude(images, points)
    assert torch.equal(images, before), 'the images given must not be touched'

    expected = before.clone()
    for person in range(4):
        for patch in range(2):
            there = points[person, mine[person, patch]].round().int().tolist()
            cut = points[partner[person], theirs[partner[person], patch]].round().int().tolist()
            if transposed:
                there, cut = there[::-1], cut[::-1]
            for y in range(SIZE[1]):
                for x in range(SIZE[0]):
                    dx, dy = x - there[0], y - there[1]
                    inside = abs(dx) <= halves[person, patch, 0] and abs(dy) <= halves[person, patch, 1]
                    if inside and 0 <= cut[0] + dx < SIZE[0] and 0 <= cut[1] + dy < SIZE[1]:
                        expected[person, :, y, x] = before[partner[person], :, cut[1] + dy, cut[0] + dx]
    assert not torch.equal(expected, before) and torch.equal(result, expected)


def test_keypoint_mix_mixes_joints_of_the_same_instance(monkeypatch):
    images, points = batch()
    assert torch.equal(KeypointMix()(images, points[:, :1]), images), 'a single joint has no other'
    before = images.clone()
    mix = KeypointMix(joints=2, share=0.25, jitter=0.0)
    drawn, halves = torch.tensor([[0, 3, 5, 1]] * 4), torch.rand(4, 2, 2) * 6 + 2
    monkeypatch.setattr('mmpose_dualteach.models.occlusions.keypoint_mix.draw_joints', lambda *_: drawn)
    monkeypatch.setattr(mix, 'halves', lambda *_: halves)
    result = mix(images, points)
    assert torch.equal(images, before), 'the images given must not be touched'
    expected = before.clone()
    for person in range(4):
        for patch in range(2):
            there, cut = [points[person, drawn[person, n]].round().int().tolist() for n in (patch, patch + 2)]
            for y in range(SIZE[1]):
                for x in range(SIZE[0]):
                    dx, dy = x - there[0], y - there[1]
                    inside = abs(dx) <= halves[person, patch, 0] and abs(dy) <= halves[person, patch, 1]
                    if inside and 0 <= cut[0] + dx < SIZE[0] and 0 <= cut[1] + dy < SIZE[1]:
                        other = before[person, :, cut[1] + dy, cut[0] + dx]
                        expected[person, :, y, x] += 0.25 * (other - expected[person, :, y, x])
    assert not torch.equal(expected, before) and torch.allclose(result, expected, atol=1e-6)


def test_cutmix_takes_the_same_places_of_another_image_and_cutout_the_mean_colour():
    images, points = batch()
    torch.manual_seed(5)
    mixed = RandomCutMix(patches=3)(images, points)
    torch.manual_seed(5)
    out = RandomCutout(patches=3)(images, points)
    covered = (out == 0).all(dim=1)
    assert 0.02 < covered.float().mean() < 0.6 and torch.equal(out[:, 0] == 0, covered)
    changed = (mixed != images).any(dim=1)
    assert torch.equal(changed, covered), 'the same patches'
    for person in range(4):
        sources = [
            other
            for other in range(4)
            if torch.equal(mixed[person][:, covered[person]], images[other][:, covered[person]])
        ]
        assert len(sources) == 1 and sources != [person]
    assert len({tuple(each.flatten().tolist()) for each in covered}) == 4, 'other places on each image'


def test_patches_grow_with_the_input():
    for size in ((192, 256), (96, 128)):
        halves = RandomCutout().halves(torch.zeros(50, 20, 2), size)
        scale = size[0] / 192
        assert 10 * scale <= halves.min() < 10.5 * scale and 19.5 * scale < halves.max() <= 20 * scale


def test_every_partner_is_another_and_all_come():
    drawn = torch.stack([others(5, torch.device('cpu')) for _ in range(200)])
    assert (drawn != torch.arange(5)).all()
    assert all(len(set(column.tolist())) == 4 for column in drawn.unbind(dim=1))
    assert others(1, torch.device('cpu')).tolist() == [0], 'alone'


def test_images_are_moved_by_whole_pixels():
    images = torch.rand(2, 3, 5, 7)
    moved, known = shifted(images, torch.tensor([[2, -1], [-9, 0]]))
    assert torch.equal(moved[0, :, :4, 2:], images[0, :, 1:, :5])
    assert known[0, :4, 2:].all() and known[0].sum() == 20 and not known[1].any()


def test_joints_are_drawn_with_replacement_where_asked():
    points = torch.zeros(300, 17, 2)
    counts = [len(set(row.tolist())) for row in draw_joints(points, 5)]
    again = [len(set(row.tolist())) for row in draw_joints(points, 5, True)]
    assert set(counts) == {5} and min(again) < 5
    # 17 (1 - (16 / 17)^5)
    assert sum(again) / 300 == pytest.approx(4.45, abs=0.15)
    assert JointCutout(joints=9, replacement=True).boxes(torch.rand(2, 3, 2), (64, 64)).shape == (2, 9, 4)


def test_blocks_are_shuffled_and_put_together_again(stock):
    shuffle = BlockShuffle((2, 3))
    images = torch.rand(5, 3, 12, 8)
    order = shuffle.draw(5, images.device)
    shown = shuffle.shuffled(images, order)
    for image, other, places in zip(images, shown, order):
        for place, block in enumerate(places.tolist()):
            there, here = [divmod(number, 2) for number in (place, block)]
            one, two = [
                each[:, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4] for each, (y, x) in ((other, there), (image, here))
            ]
            assert torch.equal(one, two)
    assert len({tuple(each) for each in order.tolist()}) > 1
    assert torch.equal(shuffle.restored([shown], order)[0], images)

    # A student that looks at single cells answers the same, whatever the order; the picture is of the view itself.
    config = switch(stock, model=dict(paths=[[dict(type='JointCutout'), dict(type='BlockShuffle', blocks=(2, 3))], []]))
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.adapter.output = lambda network, images: images[:, :1, ::4, ::4].repeat(1, 17, 1, 1)
    model.record_lessons = True
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    model.sup_losses = lambda *_: iter(())
    list(model.loss_parts(**data))
    for record in model.records:
        assert torch.equal(record.answer[:, 0], record.hard[:, 0, ::4, ::4])
    with pytest.raises(ValueError, match=r'BlockShuffle cannot cut 64x96 into 3x1 blocks; change blocks'):
        MODELS.build(switch(stock, model=dict(paths=[[dict(type='BlockShuffle', blocks=(3, 1))]])).model)


@pytest.mark.parametrize(
    'paths, message',
    [
        ([[dict(type='BlockShuffle', blocks=(1, 1))]], r'blocks=\(1, 1\) must be at least two'),
        (
            [[dict(type='BlockShuffle'), dict(type='JointCutout')]],
            r'model.paths\[0\]: BlockShuffle comes once, and last',
        ),
        ([], r'model.paths is empty; .*\[\[\]\] for a bare'),
        ([[dict()]], r'model.paths\[0\] has {}; give dict\(type=...\) of .*JointCutout'),
        ([[], [dict(type='HeatmapHead')]], r'model.paths\[1\] has .*HeatmapHead.*JointOcclude.*RandomCutMix'),
        ([[dict(type='RandomCutout', patches=0)]], 'RandomCutout: 0 patches must be at least 1'),
        (
            [[dict(type='RandomCutout', many=2)]],
            r"model.paths\[0\].RandomCutout has no 'many'; it has base_size, half_width, patches",
        ),
        ([[dict(type='JointCutout', joints=2.5)]], r'model.paths\[0\].JointCutout.joints=2.5 must be a whole number'),
        ([[dict(type='RandomCutout', base_size=(0, 0))]], r'model.paths\[0\]: RandomCutout: base_size=\(0, 0\) must'),
        ([[dict(type='RandomCutout', half_width=5)]], r'half_width=5 must be a list of 2, each of it a number'),
        ([dict(type='JointCutout')], r'model.paths=.* must be a list with one list of occlusions for each path'),
        ([[dict(type='KeypointMix', share=0)]], 'KeypointMix: share=0 must be greater than 0'),
        ([[dict(type='JointOcclude', jitter=-1)]], 'JointOcclude: jitter=-1 must not be negative'),
        ([[dict(type='RandomCutMix', half_width=(3, 2))]], 'ascending'),
    ],
)
def test_bad_paths_are_named(paths, message):
    with pytest.raises(ValueError, match=message):
        parse_paths(paths)


def test_an_occlusion_of_another_package_hands_on_what_it_likes(monkeypatch):
    class Dots(Occlusion):
        def __init__(self, dots=3, **options):
            self.shape = options.pop('shape', 'round')
            super().__init__(count=dots, **options)

        def __call__(self, images, points):
            return images

    monkeypatch.setitem(MODELS.module_dict, 'Dots', Dots)
    (path,) = parse_paths([[dict(type='Dots', shape='square', base_size=(192.0, 256.0))]])
    assert path.occlusions[0].shape == 'square' and path.occlusions[0].count == 3
    with pytest.raises(ValueError, match=r"model.paths\[0\].Dots has no 'dot'; did you mean dots"):
        parse_paths([[dict(type='Dots', dot=2)]])


def test_every_path_is_a_part_of_the_loss(stock):
    """The losses of the paths add up; each part's graph is the student's own pass alone."""
    paths = [[dict(type='JointOcclude'), dict(type='RandomCutout')], [dict(type='JointCutout')], []]
    config = switch(stock, model=dict(paths=paths))
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.record_lessons = True
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    parts = list(model.loss_parts(**data))
    assert [[key for key in part if 'loss' in key] for part in parts] == [
        ['a/loss_kpt'],
        ['b/loss_kpt'],
        *[['b/loss_pseudo']] * 3,
        *[['a/loss_pseudo']] * 3,
    ]
    assert len(model.records) == 6
    hard = data['inputs']['hard']
    for lesson in (model.records[:3], model.records[3:]):
        assert len({record.lesson for record in lesson}) == 1
        assert torch.equal(lesson[2].hard, hard) and not torch.equal(lesson[0].hard, lesson[1].hard)
        values = [record.target.value for record in lesson]
        assert all(torch.equal(value, values[0]) for value in values), 'one affine, one target'
    for record, part in zip(model.records, parts[2:]):
        student = model.networks[record.lesson.student]
        alone = model.adapter.loss(student, record.answer, record.target)
        assert torch.allclose(part[f'{record.lesson.student}/loss_pseudo'], alone, rtol=1e-4)

    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.0))
    log = model.train_step(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), wrapper)
    total = sum(
        value for key, value in log.items() if key in ('a/loss_kpt', 'b/loss_kpt', 'a/loss_pseudo', 'b/loss_pseudo')
    )
    assert torch.allclose(log['loss'], total)
