# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Several teachers of one lesson, teachers before a mirror, averages and snapshots."""

import copy

import numpy as np
import pytest
import torch
from conftest import run, switch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmpose.registry import DATASETS, HOOKS, KEYPOINT_CODECS, MODELS
from test_adapters import COORDINATES, FLIP_INDICES, INPUT, SIMCC, coordinate_output, encoded, simcc

from mmpose_dualteach.models.adapters import adapter_for
from mmpose_dualteach.models.pseudo_labels.combine import closest_pair, mean_of_all
from mmpose_dualteach.models.pseudo_labels.lessons import Teacher, parse_lessons
from mmpose_dualteach.models.view_pair import ViewPair

MSE = dict(type='KeypointMSELoss')
HEATMAPS = {
    'msra': (dict(type='HeatmapHead'), dict(type='MSRAHeatmap', sigma=2)),
    'udp': (dict(type='HeatmapHead'), dict(type='UDPHeatmap', sigma=2)),
    'stages': (dict(type='CPMHead', num_stages=2), dict(type='UDPHeatmap', sigma=2)),
    'combined': (
        dict(type='HeatmapHead', loss=dict(type='CombinedTargetMSELoss')),
        dict(type='UDPHeatmap', heatmap_type='combined'),
    ),
}
SIZES = {'msra': (48, 64), 'udp': (48, 64), 'stages': (48, 64), 'combined': (48, 64)}


def joints_of(seed=0):
    """Joints (5, 2), and where a mirror shows them."""
    easy = np.random.default_rng(seed).uniform([30, 30], [160, 220], (5, 2))
    mirrored = (easy * [-1, 1] + [INPUT[0] - 1, 0])[FLIP_INDICES]
    return easy, mirrored


@pytest.mark.parametrize('kind', HEATMAPS)
def test_mirrored_heatmaps_are_those_of_the_input_itself(kind):
    head, codec = HEATMAPS[kind]
    codec = dict(codec, input_size=INPUT, heatmap_size=SIZES[kind])
    adapter, encoder = adapter_for(dict(dict(loss=MSE), **head, decoder=codec)), KEYPOINT_CODECS.build(codec)
    for seed in range(5):
        easy, mirror = joints_of(seed)
        if kind == 'msra':  # The codec rounds to cells of 4 pixels; a mirror image of the input has them elsewhere.
            easy = np.round(easy / 4) * 4
            mirror = (easy * [-1, 1] + [INPUT[0] - 1, 0])[FLIP_INDICES]
        direct, seen = [torch.from_numpy(encoded(encoder, joints)['heatmaps'])[None] for joints in (easy, mirror)]
        if kind == 'stages':
            direct, seen = [direct] * 2, [seen] * 2
        back = adapter.mirrored(seen, torch.tensor(FLIP_INDICES))
        assert type(back) is type(direct)
        places, expected = adapter.joints(back)[0][0], adapter.joints(direct)[0][0]
        # One cell of MSRA, whose rounding differs before a mirror; a tenth of a pixel of the others.
        assert (places - expected).abs().max() <= (4.0 if kind == 'msra' else 0.1)
        if kind in ('udp', 'stages'):
            one, other = (back[0], direct[0]) if kind == 'stages' else (back, direct)
            assert torch.allclose(one, other, atol=1e-4)
    if kind == 'msra':  # Flipped cells alone would lie 3 pixels to one side.
        x = torch.arange(48) * 4.0
        bias = []
        for seed in range(40):
            easy, mirror = joints_of(seed)
            back = adapter.mirrored(
                torch.from_numpy(encoded(encoder, mirror)['heatmaps'])[None], torch.tensor(FLIP_INDICES)
            )[0]
            bias.append(((back.sum(dim=1) * x).sum(dim=-1) / back.sum(dim=(1, 2))).numpy() - easy[:, 0])
        assert abs(np.mean(bias)) < 0.3
        ones = adapter.mirrored(torch.ones(1, 5, 64, 48), torch.tensor(FLIP_INDICES))
        assert ones.min() > 0.999, 'the border is known'


@pytest.mark.parametrize('kind', SIMCC)
def test_mirrored_vectors_are_those_of_the_input_itself(kind):
    adapter, codec = simcc(kind)
    easy, mirror = joints_of()
    outputs = []
    for joints in (easy, mirror):
        labels = encoded(codec, joints)
        outputs.append(tuple(torch.from_numpy(labels[key]) for key in ('keypoint_x_labels', 'keypoint_y_labels')))
    direct, back = outputs[0], adapter.mirrored(outputs[1], torch.tensor(FLIP_INDICES))
    assert [part.shape for part in back] == [part.shape for part in direct]
    # Either was rounded to a bin.
    assert (adapter.joints(back)[0] - adapter.joints(direct)[0]).abs().max() <= 1 / codec.simcc_split_ratio + 1e-5


@pytest.mark.parametrize('kind', COORDINATES)
def test_mirrored_coordinates_are_those_of_the_input_itself(kind):
    head, codec = COORDINATES[kind]
    codec = dict(codec, input_size=INPUT)
    adapter, encoder = adapter_for(dict(head, decoder=codec)), KEYPOINT_CODECS.build(codec)
    easy, mirror = joints_of()
    direct, seen = [coordinate_output(kind, encoder, joints) for joints in (easy, mirror)]
    back = adapter.mirrored(seen, torch.tensor(FLIP_INDICES))
    assert torch.allclose(adapter.joints(back)[0], adapter.joints(direct)[0], atol=1e-3)
    if kind == 'rle':
        assert torch.equal(back[..., 2:], direct[..., 2:])


@pytest.mark.parametrize('kind', ['udp', 'stages', 'combined', 'rtmpose', 'regression', 'dsnt'])
def test_each_teacher_has_its_share_of_each_joint(kind):
    if kind in HEATMAPS:
        head, codec = HEATMAPS[kind]
        adapter = adapter_for(
            dict(dict(loss=MSE), **head, decoder=dict(codec, input_size=INPUT, heatmap_size=SIZES[kind]))
        )
        outputs = [torch.rand(2, 15 if kind == 'combined' else 5, 64, 48) for _ in range(2)]
        outputs = [[output, output + 1] for output in outputs] if kind == 'stages' else outputs
    elif kind in SIMCC:
        adapter = simcc(kind)[0]
        outputs = [(torch.rand(2, 5, 384), torch.rand(2, 5, 512)) for _ in range(2)]
    else:
        head, codec = COORDINATES[kind]
        adapter = adapter_for(dict(head, decoder=dict(codec, input_size=INPUT)))
        outputs = [torch.rand(2, 5, 2) for _ in range(2)]
        outputs = [(output, torch.rand(2, 5, 64, 48)) for output in outputs] if kind == 'dsnt' else outputs
    share = torch.tensor([[1.0, 0.0, 0.25, 0.5, 1.0]] * 2)
    blended = adapter.blended(outputs, [share, 1 - share])
    for part, one, other in zip(*[each if isinstance(each, (list, tuple)) else [each] for each in (blended, *outputs)]):
        per_joint = part.shape[1] // 5
        for joint, own in enumerate(share[0].tolist()):
            place = slice(joint * per_joint, (joint + 1) * per_joint)
            assert torch.allclose(part[:, place], own * one[:, place] + (1 - own) * other[:, place])


def test_the_closest_pair_of_different_networks_teaches_each_joint():
    torch.manual_seed(0)
    networks = ['a', 'b', 'a', 'b']
    joints = [torch.rand(6, 7, 2) for _ in networks]
    shares = torch.stack(closest_pair(networks, joints))
    assert torch.allclose(shares.sum(dim=0), torch.ones(6, 7))
    chosen = set()
    for person in range(6):
        for joint in range(7):
            distances = {
                (i, j): float((joints[i][person, joint] - joints[j][person, joint]).norm())
                for i in range(4)
                for j in range(i + 1, 4)
                if networks[i] != networks[j]
            }
            pair = min(distances, key=distances.get)
            chosen.add(pair)
            assert [float(value) for value in shares[:, person, joint]] == [0.5 * (t in pair) for t in range(4)]
    assert chosen == {(0, 1), (0, 3), (1, 2), (2, 3)}
    same = torch.stack(closest_pair(['a', 'a'], joints[:2]))
    assert (same == 0.5).all() and (torch.stack(mean_of_all(networks, joints)) == 0.25).all()
    assert (closest_pair(['a'], joints[:1])[0] == 1).all()


def test_names_of_teachers():
    for name in ('a', 'a.ema', 'a.snapshot', 'a.mirrored', 'a.snapshot.mirrored', 'a.view2', 'a.ema.view3.mirrored'):
        assert str(Teacher.parse(name)) == name
    beside = [Teacher.parse(name) for name in ('a', 'a.mirrored', 'b.mirrored', 'c.ema', 'c.snapshot', 'a.view2')]
    assert [each.label(beside) for each in beside] == ['a', 'a_mirrored', 'b', 'c', 'c_snapshot', 'a_view2']
    (lesson,) = parse_lessons([dict(teacher=['a', 'b.mirrored'], student='b', combine='closest')], ['a', 'b'])
    assert lesson.who == 'the closest of a and b.mirrored' and lesson.networks == ['a', 'b', 'b']


@pytest.mark.parametrize(
    'lesson, message',
    [
        (dict(teacher='a.old', student='b'), r"'a.old' is no teacher; give .*\.ema or \.snapshot"),
        (dict(teacher='a.mirrored.ema', student='b'), 'is no teacher'),
        (dict(teacher='a.view1', student='b'), r'is no teacher.*\.view2'),
        (dict(teacher=['a.view2', 'b.view3'], student='b'), 'must see the first easy view'),
        (dict(teacher=[], student='b'), 'at least one teacher'),
        (dict(teacher=['a', 'a'], student='b'), 'none twice'),
        (dict(teacher=['a', 'c'], student='b'), "no network 'c'"),
        (dict(teacher=['a', 'b'], student='b', combine='best'), 'choose one of mean, closest'),
        (dict(teacher='a.snapshot', student='b', detach=False), 'takes no gradient'),
        (dict(teacher='a', student='b', combine='closest'), 'chooses among several teachers'),
    ],
)
def test_bad_lessons_are_named(lesson, message):
    with pytest.raises(ValueError, match=r'model.lessons\[0\].*' + message):
        parse_lessons([lesson], ['a', 'b'])


def test_two_teachers_one_before_a_mirror_teach_their_mean(stock):
    """A plain reference: both networks' heatmaps on the easy view, one's of the mirrored view turned back."""
    lessons = [dict(teacher=['a', 'b.mirrored'], student='a')]
    config = switch(stock, model=dict(lessons=lessons))
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.sup_losses = lambda *_: iter(())
    model.watching = model.record_lessons = True
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    start = copy.deepcopy(model.networks)
    (losses,) = model.loss_parts(**data)
    views = ViewPair(data['data_samples']['easy'], data['data_samples']['hard'])
    easy = data['inputs']['easy']
    with torch.no_grad():
        one = start['a'](easy, None, mode='tensor')
        seen = start['b'](easy.flip(-1), None, mode='tensor')
        other = model.adapter.mirrored(seen, torch.tensor(views.flip_indices))
        mean = (one + other) / 2
        target = model.adapter.target(mean, mean.flatten(2).amax(dim=-1).clamp(0, 1), views)
        (record,) = model.records
        assert torch.allclose(record.prediction, mean, atol=1e-5)
        assert torch.allclose(record.target.value, target.value, atol=1e-5)
        assert torch.allclose(losses['a/loss_pseudo'], model.adapter.loss(None, record.answer, target), rtol=1e-4)
    assert losses['agreement_px'] > 0 and {'a/peak_unlabeled', 'b/peak_unlabeled'} <= set(losses)


def test_no_gradient_reaches_any_of_several_teachers(stock):
    networks = dict(a=dict(), b=dict(), c=dict())
    lessons = [dict(teacher=['a', 'b.mirrored', 'b'], student='c', combine='closest')]
    config = switch(stock, model=dict(networks=networks, lessons=lessons, max_disagreement=90.0))
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.sup_losses = lambda *_: iter(())
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = model.data_preprocessor(pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 8, 9, 10, 11)]), True)
    (losses,) = model.loss_parts(**data)
    losses['c/loss_pseudo'].backward()
    taught = {name: sum(p.grad is not None for p in network.parameters()) for name, network in model.networks.items()}
    assert taught['a'] == taught['b'] == 0 < taught['c']


@HOOKS.register_module()
class RememberHook(Hook):
    """Keeps the first network as it is after an iteration."""

    seen: dict = {}

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.iteration:
            RememberHook.seen.update(copy.deepcopy(runner.model.networks['a'].state_dict()))


def test_a_snapshot_is_the_network_of_an_epoch_ago(stock, tmp_path):
    lessons = [dict(teacher=['a', 'a.snapshot'], student='a', combine='closest')]
    options = dict(model=dict(networks=dict(a=dict()), lessons=lessons), hook=dict(snapshot_interval=4))
    stock['custom_hooks'] = [dict(type='RememberHook', iteration=4)]
    runner = run(switch(stock, **options), tmp_path / 'whole')
    model = runner.model
    snapshot, network = model.copies.snapshots['a'].state_dict(), model.networks['a'].state_dict()
    assert runner.iter == 6 and any(not torch.equal(snapshot[key], network[key]) for key in network)
    assert not any(parameter.requires_grad for parameter in model.copies.snapshots.parameters())

    for name, _ in model.networks['a'].named_parameters():
        assert torch.equal(snapshot[name], RememberHook.seen[name]), name
    weights = torch.load(tmp_path / 'whole' / 'epoch_1.pth', weights_only=False)['state_dict']
    assert torch.equal(weights['copies.snapshots.a.backbone.conv1.weight'], snapshot['backbone.conv1.weight'].cpu())
