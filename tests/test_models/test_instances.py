# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Images with several instances: what a teacher finds becomes labels of the hard view."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import run, switch
from crowds import INPUT, KINDS, RTMO_HEAD, RTMO_NECK, crowd_config, in_second_mode, of_two_modes
from mmcv.ops import get_compiling_cuda_version
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MessageHub
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, MODELS, TRANSFORMS
from mmpose.structures.bbox import bbox_corner2xyxy, bbox_xyxy2corner

from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely
from mmpose_dualteach.models.adapters import CIDAdapter, InstanceAdapter, adapter_for, find_adapter
from mmpose_dualteach.models.adapters.bottom_up import single_rows
from mmpose_dualteach.models.adapters.found_instances import (
    Found,
    as_arrays,
    as_rows,
    in_same_places,
    mean_of_matched,
    mirrored_instances,
)
from mmpose_dualteach.models.adapters.instances import AREA_OF_BOX
from mmpose_dualteach.models.pseudo_labels.lessons import Teacher
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.switch import stock_config

LABELED, UNLABELED, JOINTS = 4, 4, 17
NEEDS_RTMO = pytest.mark.skipif('rtmo' not in KINDS, reason='MMPose has RTMO since 1.3')
# The hard view lies within the easy one, so that all of it is known.
CLOSER = dict(easy=dict(rotate_factor=0, shift_factor=0, scale_prob=0), hard=dict(scale_factor=(0.5, 0.6)))


@pytest.fixture(autouse=True)
def within_a_run():
    MessageHub.get_current_instance().update_info('iter', 0)  # Some data preprocessors go by it.


def crowd_switch(kind, crowd, **options):
    return switch(crowd_config(kind, crowd), labeled=dict(indices=6), **options)


def batch_of(config, seed=0):
    torch.manual_seed(seed)
    np.random.seed(seed)
    model = MODELS.build(copy.deepcopy(config.model)).train()
    model.init_weights()
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    data = pseudo_collate([dataset[n] for n in (0, 1, 2, 3, 6, 8, 10, 12)])
    return model, model.data_preprocessor(data, True)


def true_instances(config, samples):
    """The people on images of a branch: joints and visibility, and boxes, in original pixels."""
    root = config.train_dataloader.dataset.unlabeled.data_root
    content = json.loads(Path(root, 'train.json').read_text())
    found = []
    for sample in samples:
        people = [each for each in content['annotations'] if each['image_id'] == sample.metainfo['img_id']]
        keypoints = np.array([each['keypoints'] for each in people], np.float32).reshape(len(people), -1, 3)
        boxes = np.array([each['bbox'] for each in people], np.float32)
        boxes[:, 2:] += boxes[:, :2]
        found.append((keypoints[..., :2], keypoints[..., 2] > 0, boxes))
    return found


def moved(points, matrix):
    return np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]


def as_found(people, sample):
    """What a perfect network finds on a view: people in the same order, in the view's pixels."""
    matrix, swap = sample.metainfo['view_matrix'], sample.metainfo['flip_indices']
    joints, seen, boxes = people
    joints, corners = moved(joints, matrix), moved(bbox_xyxy2corner(boxes), matrix)
    if sample.metainfo['flip']:
        joints, seen = joints[:, swap], seen[:, swap]
    hulls = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Found(joints.astype(np.float32), seen.astype(np.float32), np.ones(len(joints), np.float32), hulls)


def stock_labels(config, adapter, people, sample, size):
    """A hard view with labels by the stock pipeline, of true instances; its areas grow as the view does."""
    found, (_, _, original) = as_found(people, sample), people
    matrix = sample.metainfo['view_matrix']
    areas = AREA_OF_BOX * (original[:, 2:] - original[:, :2]).prod(axis=1) * abs(np.linalg.det(matrix[:, :2]))
    scale = np.array(size, np.float32) / INPUT
    joints, boxes = found.joints * scale, moved(bbox_xyxy2corner(original), matrix) * scale  # Turned with the view.
    limit = np.array(size)
    seen = found.scores * ((found.joints >= 0) & (found.joints <= np.array(INPUT) - 1)).all(axis=-1)
    kept = seen.any(axis=1)
    if not adapter.clip:  # Nothing is clipped then: joints beside the image keep their labels.
        seen = found.scores
    joints, boxes, seen, areas = joints[kept], boxes[kept], seen[kept].astype(np.float32), areas[kept] * scale.prod()
    if adapter.clip:
        boxes = np.clip(boxes, 0, limit)
    if not len(joints):
        return None
    results = dict(
        sample.metainfo,
        img=np.zeros((4, 4, 3), np.uint8),
        keypoints=joints.astype(np.float32),
        keypoints_visible=seen,
        bbox=(boxes if adapter.corners else bbox_corner2xyxy(boxes)).astype(np.float32),
        bbox_score=np.ones(len(joints), np.float32),
        area=np.clip(areas, 1, None).astype(np.float32),
        category_id=np.ones(len(joints), np.int64),
    )
    np.random.seed(7)  # CID moves its roots at random.
    for transform in config.train_dataloader.dataset.labeled.pipeline:
        if transform['type'] in ('GenerateTarget', 'PackPoseInputs'):
            results = TRANSFORMS.build(dict(transform))(results)
    return results['data_samples']


@pytest.mark.parametrize('kind', KINDS)
def test_a_perfect_teacher_teaches_the_true_labels_of_the_hard_view(kind, crowd, monkeypatch):
    """The oracle: the lesson's loss is the stock loss on labels made of the true instances, whatever size the data
    preprocessor has given either view."""
    lessons = [dict(teacher='a', student='b')]
    config = crowd_switch(kind, crowd, model=dict(lessons=lessons), views=CLOSER, rand_augment=False)
    model, data = batch_of(config)
    easy, hard = data['data_samples']['easy'], data['data_samples']['hard']
    people = true_instances(config, easy)
    adapter, student, teacher = model.adapter, copy.deepcopy(model.networks['b']), model.networks['a']
    output, labelled = adapter.output, adapter.labelled
    perfect = as_rows([as_found(*each) for each in zip(people, easy)], 0.1, JOINTS, torch.device('cpu'))
    model.adapter.output = lambda network, images: perfect if network is teacher else output(network, images)

    def seeded(*arguments):
        np.random.seed(7)
        return labelled(*arguments)

    monkeypatch.setattr(adapter, 'labelled', seeded)
    model.sup_losses = lambda *_: iter(())
    model.record_lessons = model.watching = True
    torch.manual_seed(1)
    (losses,) = model.loss_parts(**data)
    size = data['inputs']['hard'].shape[:1:-1]
    assert kind != 'rtmo' or size != INPUT
    true = [stock_labels(config, adapter, *each, size) for each in zip(people, hard)]
    assert all(sample is not None for sample in true)
    torch.manual_seed(1)
    expected, _ = student.parse_losses(student.loss(data['inputs']['hard'], true))
    assert expected > 0 and torch.allclose(losses['b/loss_pseudo'], expected, rtol=1e-4)
    assert losses['valid_share'] == 1 and losses['a/peak_unlabeled'] > 0.5
    losses['b/loss_pseudo'].backward()
    assert not any(p.grad is not None for p in teacher.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.networks['b'].backbone.parameters())
    (record,) = model.records
    for ours, label in zip(record.target.samples, true):
        parts = ('gt_instance_labels', 'gt_fields')
        one, other = [
            {name: value for part in parts for name, value in each.get(part, InstanceData()).items()}
            for each in (ours, label)
        ]
        one.pop('heatmap_mask', None)
        assert one.keys() == other.keys() and len(one)
        assert all(torch.allclose(one[name].float(), other[name].float(), atol=1e-2) for name in one)


def rows(*images):
    """Instances of images, each a list of (joints (K, 2), score of each joint, score of the instance, box)."""
    found = []
    for each in images:
        joints, scores, certainty, boxes = zip(*each)
        found.append(
            Found(*(np.array(part, np.float32) for part in (joints, scores, certainty, boxes))),
        )
    return as_rows(found, 0.1, len(images[0][0][0]), torch.device('cpu'))


def person(left, top, right, bottom, score=0.9):
    """An instance whose joints lie in two corners of its box."""
    joints = [(left, top), (right, bottom)] * (JOINTS // 2) + [((left + right) / 2, (top + bottom) / 2)]
    return joints, [score] * JOINTS, score, (left, top, right, bottom)


def target_of(model, data, output, weight=None):
    views = ViewPair(data['data_samples']['easy'][:1], data['data_samples']['hard'][:1])
    return model.adapter.target(output, weight, views), views


ALIKE = dict(rotate_factor=0, shift_factor=0, scale_prob=0, flip_prob=0)
STILL = dict(easy=ALIKE, hard=ALIKE)


@pytest.mark.parametrize('kind', ['cid', 'dekr', 'yoloxpose'])
def test_of_what_is_in_doubt_nothing_is_said(kind, crowd):
    """A sure instance is taught, one in doubt is neither there nor background, and of a sure one's joint in doubt
    heatmaps say nothing on its own map alone."""
    model, data = batch_of(crowd_switch(kind, crowd, views=STILL))
    sure, doubtful = person(8, 8, 24, 40), person(56, 8, 80, 40, score=0.2)
    sure[1][3] = 0.15
    found = rows([sure, doubtful])
    target, _ = target_of(model, data, found, weight=found[1])
    (sample,) = target.samples
    taught = target.weight.reshape(-1, JOINTS) > 0
    assert taught[0].sum() == JOINTS - 1 and not taught[0, 3] and not taught[1].any()
    assert target.share == pytest.approx(0.9)
    mask = sample.gt_fields.heatmap_mask.bool()
    if kind == 'yoloxpose':
        assert len(sample.gt_instance_labels.bboxes) == 1
        assert sample.gt_instance_labels.bboxes[0].tolist() == [8, 8, 24, 40]
        assert sample.gt_instance_labels.keypoints_visible[0].sum() == JOINTS - 1
        weights = sample.gt_instance_labels.keypoints_visible_weights[0]
        assert weights[3] == 0 and weights.sum() == JOINTS - 1  # It is neither visible nor invisible.
        assert mask.shape == (1, 96, 96)  # Square, as its head looks places up; true where nothing is known.
        assert mask[0, 20, 68] and not mask[0, 20, 16] and not mask[0, 60, 90] and not mask[0, 70:].any()
    else:
        assert mask.shape == (JOINTS + 1, 16, 24)
        assert not mask[:, 6, 17].any() and mask[0, 6, 4] and mask[JOINTS, 10, 6]
        assert not mask[3, 10, 6] and mask[2, 10, 6] and mask[3, 2, 12]
        assert sample.gt_fields.heatmaps.shape[0] == JOINTS + 1
    known = model.adapter.known(target, INPUT)
    assert not known[0, 20, 68] and known[0, 20, 16] and known[0, 60, 90]


def test_what_the_easy_view_did_not_show_is_not_background(crowd):
    wider = dict(STILL, hard=dict(ALIKE, scale_prob=1, scale_factor=(2.0, 2.0)))
    model, data = batch_of(crowd_switch('cid', crowd, views=wider))
    target, views = target_of(model, data, rows([person(8, 8, 80, 56)]))
    assert views.matrix[0, 0, 0] == pytest.approx(0.5)
    mask = target.samples[0].gt_fields.heatmap_mask[0].bool()
    corners = moved([[0, 0], [95, 63]], views.matrix[0]) / 4
    (left, top), (right, bottom) = corners
    inside = mask[int(np.ceil(top)) : int(bottom), int(np.ceil(left)) : int(right)]
    assert inside.all() and mask.sum() <= (right - left + 1) * (bottom - top + 1) < 0.5 * mask.numel()


@pytest.mark.parametrize('kind', KINDS)
def test_images_without_an_instance_teach_nothing(kind, crowd):
    model, data = batch_of(crowd_switch(kind, crowd, views=STILL))
    seen = [sample for branch in ('easy', 'hard') for sample in data['data_samples'][branch][:2]]
    views = ViewPair(seen[:2], seen[2:])
    nobody = person(8, 8, 40, 40, score=0.12)
    target = model.adapter.target(rows([person(8, 8, 40, 40)], [nobody]), None, views)
    assert target.valid[0].any() and not target.valid[1].any() and target.share == pytest.approx(1)
    mask = target.samples[1].gt_fields.heatmap_mask.bool()
    edge = INPUT[1] * data['inputs']['hard'].shape[-1] // INPUT[0]
    assert mask[:, :edge].all() if kind in ('yoloxpose', 'rtmo') else not mask.any()
    network, own, seen = model.networks['b'], model.networks['b'].loss, []
    network.loss = lambda images, samples: own(images, samples) if seen.append((images, samples)) is None else {}
    loss = model.adapter.loss(network, data['inputs']['hard'][:2], target)
    assert loss > 0 and loss.isfinite()
    ((images, samples),) = seen  # The other image would be taught to be empty.
    assert torch.equal(images, data['inputs']['hard'][:1]) and samples == target.samples[:1]
    target = model.adapter.target(rows([nobody], [nobody]), None, views)
    calls = []
    model.networks['b'].extract_feat = calls.append
    assert model.adapter.loss(model.networks['b'], data['inputs']['hard'][:2], target) == 0 and not calls
    weights = torch.full_like(target.weight, 0.5)
    target = model.adapter.target(rows([person(8, 8, 40, 40)], [nobody]), weights, views)
    assert target.share == pytest.approx(0.5)
    views.has_counterpart = np.arange(JOINTS)[None] != np.array([[3], [0]])  # Joint 3 of the first image has none.
    two = rows([person(8, 8, 40, 40), person(50, 8, 80, 40)], [nobody])
    taught = (model.adapter.target(two, None, views).weight[0] > 0).view(2, JOINTS)
    assert not taught[:, 3].any() and taught.sum() == 2 * (JOINTS - 1)


def test_views_move_and_mirror_instances_with_their_boxes(crowd):
    turned = dict(easy=dict(rotate_factor=40.0, flip_prob=0.5), hard=dict(rotate_factor=20.0))
    config = crowd_switch('yoloxpose', crowd, views=turned)
    for seed in range(3):
        model, data = batch_of(config, seed)
        samples = data['data_samples']
        people = true_instances(config, samples['easy'])
        found = {
            branch: as_rows(
                [as_found(*each) for each in zip(people, samples[branch])], 0.1, JOINTS, torch.device('cpu')
            )
            for branch in ('easy', 'hard')
        }
        ours, _ = model.adapter.from_view(found['easy'], ViewPair(samples['easy'], samples['hard']))
        assert torch.allclose(ours[0], found['hard'][0], atol=0.01, equal_nan=True)
        assert torch.equal(ours[1].nan_to_num(), found['hard'][1].nan_to_num())
        upright = [n for n, each in enumerate(samples['easy']) if abs(each.metainfo['view_matrix'][0, 1]) < 1e-6]
        assert torch.allclose(ours[3][upright], found['hard'][3][upright], atol=0.05, equal_nan=True)
    flip = torch.tensor(samples['easy'][0].metainfo['flip_indices'])
    twice = mirrored_instances(mirrored_instances(found['easy'], flip, INPUT[0]), flip, INPUT[0])
    for one, other in zip(twice, found['easy']):
        assert torch.allclose(one, other, atol=1e-3, equal_nan=True)
    mirror = mirrored_instances(found['easy'], flip, INPUT[0])
    left, right = mirror[0].reshape(len(people), -1, JOINTS, 2)[0, 0], found['easy'][0][0, :JOINTS]
    assert torch.allclose(left[1], torch.tensor([INPUT[0] - 1, 0.0]) + right[2] * torch.tensor([-1, 1]))


def test_several_teachers_agree_instance_by_instance():
    first = rows([person(0, 0, 20, 40), person(50, 0, 70, 40)])
    other = rows([person(52, 0, 72, 40, score=0.95), person(100, 0, 120, 40)])
    one, placed = in_same_places([first, other])
    joints = placed[0].reshape(1, 4, JOINTS, 2)
    assert joints[0, 0].isnan().all() and joints[0, 1, 0].tolist() == [52, 0]
    assert placed[2].tolist() == [[0, pytest.approx(0.95), 0, pytest.approx(0.9)]] and placed[3][0, 0].isnan().all()
    assert one[2].tolist() == [[pytest.approx(0.9), pytest.approx(0.9), 0, 0]]
    half = torch.full((1, 4 * JOINTS), 0.5)
    points, scores, certainty, boxes = mean_of_matched([one, placed], [half, half])
    joints = points.reshape(1, 4, JOINTS, 2)
    assert joints[0, 2].isnan().all() and joints[0, 3, 0].tolist() == [100, 0]  # Seen by the second alone.
    assert joints[0, 0, 1].tolist() == [20, 40] and joints[0, 1, 0].tolist() == [51, 0]
    assert certainty.tolist() == [[pytest.approx(0.45), pytest.approx(0.925), 0, pytest.approx(0.45)]]
    assert scores[0, 0] == pytest.approx(0.45) and scores[0, JOINTS] == pytest.approx(0.925)
    assert boxes[0, :2].tolist() == [[0, 0, 20, 40], [51, 0, 71, 40]]


def test_instances_count_as_much_as_the_other_network_sees_them(crowd):
    """What one network alone believes in is in doubt; a teacher and its own average do not check each other."""
    adapter = batch_of(crowd_switch('yoloxpose', crowd))[0].adapter
    first = rows([person(0, 0, 20, 40), person(50, 0, 70, 40)])
    other = rows([person(50, 4, 70, 44)])
    checked = adapter.checked(dict(a=first, b=other))
    agreement = np.exp(-0.5)  # A tenth of the longer side apart.
    assert checked['a'][2].tolist() == [[0, pytest.approx(0.9 * agreement)]]
    assert torch.allclose(checked['a'][1][0, JOINTS:], torch.tensor(0.9 * agreement).float())
    assert checked['a'][1][0, :JOINTS].eq(0).all() and torch.equal(checked['a'][0], first[0])
    assert checked['b'][2].tolist() == [[pytest.approx(0.9 * agreement)]]
    own, average = Teacher('a'), Teacher('a', 'ema')
    assert adapter.checked({own: first, average: other})[own] is first
    three = adapter.checked({own: first, Teacher('b'): other, Teacher('c'): first})
    assert three[own][2].tolist() == [[pytest.approx(0.45), pytest.approx(0.9 * (1 + agreement) / 2)]]


def test_cid_finds_joints_where_its_labels_lie(crowd):
    """A teacher whose joints lay beside its labels on the average would have networks that teach each other drift;
    CID's labels and its ``predict()`` both do, and make up for each other."""
    config = crowd_config('cid', crowd)
    codec = TRANSFORMS.build(dict(type='GenerateTarget', encoder=config['model']['head']['decoder'])).encoder
    model, _ = batch_of(crowd_switch('cid', crowd))
    assert isinstance(model.adapter, CIDAdapter)
    network, rng, errors = model.networks['a'], np.random.default_rng(0), []
    for _ in range(100):
        size = rng.uniform((8, 16), (40, 40))
        corner = rng.uniform(8, np.array(INPUT) - 8 - size)
        joints = rng.uniform(corner, corner + size, (1, JOINTS, 2)).astype(np.float32)
        heatmaps = torch.from_numpy(codec.encode(joints, np.ones((1, JOINTS), np.float32))['instance_heatmaps'])
        network.head.iia_module.forward_test = lambda *_: (torch.zeros(1, 8), torch.zeros(1, 2), torch.ones(1))
        network.head.gfd_module.forward = lambda *_, heatmaps=heatmaps: heatmaps[None]
        features = (torch.zeros(1, 120, 16, 24),)
        (points, scores, certainty, _) = model.adapter.predicted(network, features, INPUT)
        assert certainty.shape == (1, 1) and (scores > 0.5).all()
        errors.append(points.numpy()[0] - joints[0])
    assert np.abs(np.mean(errors, axis=(0, 1))).max() < 0.6 and np.abs(errors).max() < 6


@pytest.mark.parametrize('kind', KINDS)
def test_a_run_trains_scores_draws_and_exports(kind, crowd, tmp_path):
    """Everything a user knows goes on working: validation of each network, pictures, a stock student."""
    if kind == 'dekr' and torch.cuda.is_available() and get_compiling_cuda_version() == 'not available':
        pytest.skip("mmcv's deformable convolutions were not compiled for this device")
    config = crowd_switch(
        kind,
        crowd,
        hook=dict(interval=1),
        pictures=dict(interval=2, num_instances=2),
        model=dict(instance_thr=0.02 if kind in ('cid', 'dekr') else 0.3, paths=[[dict(type='JointCutout')]]),
    )
    runner = run(config, tmp_path)
    log = next(tmp_path.rglob('*.log')).read_text()
    assert 'data: 6 labelled and 10 unlabelled images' in log and 'instances and joints of a score of' in log
    scores = runner.message_hub.get_info('mutual_teaching_scores')
    assert set(scores['networks']) == {'a', 'b'}  # There is no mean of what they find.
    assert list(tmp_path.rglob('*.png'))
    checkpoint = load_safely(str(tmp_path / 'student_last.pth'))
    stock = stock_config(config)
    assert stock.model.type == 'BottomupPoseEstimator' and 'keypoint_labels' not in stock.model
    network = MODELS.build(stock.model)
    network.load_state_dict(checkpoint['state_dict'], strict=True)
    images = torch.rand(1, 3, INPUT[1], INPUT[0])
    with torch.no_grad():
        ours = runner.model.networks[scores['best']].cpu().eval().extract_feat(images)
        theirs = network.eval().extract_feat(images)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs))
    again = MODELS.build(config.model)
    again.load_state_dict(checkpoint['state_dict'], strict=True)  # A stock checkpoint starts all networks.
    for name, value in network.state_dict().items():
        assert torch.equal(again.networks['b'].state_dict()[name], value)


def test_the_collapse_watch_waits_for_networks_that_find_somebody(crowd, tmp_path, caplog):
    """On a few labelled images an unripe network may find somebody by chance, and nobody on unlabelled ones."""
    config = crowd_switch('yoloxpose', crowd, hook=dict(interval=1))
    runner = run(config, tmp_path)
    hook = next(each for each in runner.hooks if type(each).__name__ == 'DualTeacherHook')
    sure, nobody = rows([person(8, 8, 24, 40)]), rows([person(8, 8, 24, 40, score=0.01)])
    assert runner.model.adapter.scores(dict(a=sure, b=nobody)) == dict(a=pytest.approx(0.9), b=0)
    for labeled, told in ((0.1, False), (0.5, True)):
        runner.message_hub.update_info('mutual_teaching_collapse', {})
        hook.watch.collapse(
            runner, runner.model, {'a/peak_unlabeled': torch.tensor(0.0), 'a/peak_labeled': torch.tensor(labeled)}
        )
        assert ('a' in runner.message_hub.get_info('mutual_teaching_collapse')) == told


def test_a_stock_hook_changes_the_mode_of_every_network(crowd, tmp_path):
    config = switch(of_two_modes(crowd), labeled=dict(indices=6))
    runner = run(config, tmp_path, train_cfg=dict(max_epochs=2))
    assert in_second_mode(runner) and runner.train_dataloader.dataset.num_unlabeled == 10


def test_a_stock_hook_changes_the_labelled_set_alone(crowd):
    stock = crowd_config('yoloxpose', crowd)
    later = copy.deepcopy(stock['train_dataloader']['dataset'])
    later['pipeline'] = [each for each in later['pipeline'] if each['type'] != 'YOLOXHSVRandomAug']
    hook = dict(type='YOLOXPoseModeSwitchHook', num_last_epochs=1, new_train_dataset=later)
    stock['custom_hooks'] = [hook]
    config = switch(stock, labeled=None)
    (switched,) = config.custom_hooks
    dataset = DATASETS.build(switched.new_train_dataset)
    assert dataset.num_labeled == dataset.num_unlabeled == 10 and len(dataset.pipeline.transforms) == 6
    assert stock_config(config).custom_hooks[0].new_train_dataset == Config(dict(x=later)).x
    few = switch(stock, labeled=dict(indices=6)).custom_hooks[0].new_train_dataset
    assert few.labeled.indices == 6 and [each.type for each in few.labeled.pipeline] == [
        each['type'] for each in later['pipeline']
    ]


@NEEDS_RTMO
def test_an_image_with_one_instance_alone_is_predicted_in_training(crowd):
    """RTMO's DCC normalises over instances, which in training mode fails for a single one."""
    model, data = batch_of(crowd_switch('rtmo', crowd))
    network = model.networks['a'].train()
    network.test_cfg.update(score_thr=0.0, nms_thr=1e-6, nms_pre=1)
    for conv in network.head.head_module.out_cls:
        torch.nn.init.constant_(conv.bias, 3.0)
    images = data['inputs']['easy']
    points, _, certainty, boxes = model.adapter.output(network, images)
    assert certainty.shape == (UNLABELED, 1) and (certainty > 0.5).all() and points.isfinite().all()
    assert network.head.dcc.training
    width = torch.tensor(images.shape[-1] / INPUT[0])  # Of the images, which the data preprocessor has resized.
    assert width == 1 or boxes[..., 2].max() <= INPUT[0] + 1e-3


def test_a_batch_with_one_place_of_one_instance_is_learned():
    """RTMO's loss fails on a batch with a single positive place in stock MMPose."""
    norm = torch.nn.BatchNorm1d(3).train()
    row, rows_ = torch.rand(1, 3), torch.rand(2, 3)
    with pytest.raises(ValueError, match='more than 1 value'):
        norm(row)
    with single_rows(torch.nn.Sequential(norm)):
        mean = norm.running_mean.clone()
        assert torch.allclose(norm(row), row, atol=1e-4) and torch.equal(norm.running_mean, mean) and norm.training
        assert torch.equal(norm(rows_), torch.nn.BatchNorm1d(3).train()(rows_))
    with pytest.raises(ValueError, match='more than 1 value'):
        norm(row)


@NEEDS_RTMO
def test_a_network_of_another_head_teaches_as_well(crowd):
    """RTMO and YOLOX-Pose find the same: joints and boxes of instances."""
    rtmo = dict(neck=RTMO_NECK, head=RTMO_HEAD, test_cfg=dict(score_thr=0.1, nms_thr=0.65))
    model, data = batch_of(crowd_switch('yoloxpose', crowd, model=dict(networks=dict(a=dict(), b=rtmo)), views=STILL))
    assert model.adapters['a'] is not model.adapters['b'] and len(model.groups) == 2
    people = true_instances(crowd_switch('yoloxpose', crowd), data['data_samples']['easy'])
    found = [as_found(*each) for each in zip(people, data['data_samples']['easy'])]
    for adapter in model.adapters.values():
        adapter.output = lambda *_: as_rows(found, 0.1, JOINTS, torch.device('cpu'))
    losses = model(**data, mode='loss')
    assert losses['a/loss_pseudo'] > 0 and losses['b/loss_pseudo'] > 0


def test_areas_are_those_of_the_easy_view_as_the_map_grows_them(crowd):
    """As stock pipelines multiply them: turning and clipping a box does not change how large somebody is."""
    turned = dict(
        easy=ALIKE, hard=dict(ALIKE, rotate_factor=30.0, rotate_prob=1, scale_prob=1, scale_factor=(0.7, 0.7))
    )
    model, data = batch_of(crowd_switch('yoloxpose', crowd, views=turned))
    target, views = target_of(model, data, rows([person(30, 20, 60, 50)]))
    (label,) = target.samples
    assert views.matrix[0, 0, 1] != 0
    assert label.gt_instance_labels.areas[0] == pytest.approx(AREA_OF_BOX * 30 * 30 / 0.7**2, rel=1e-3)


@pytest.mark.parametrize('kind', ['cid', 'dekr'])
def test_labels_of_one_joint_alone_are_finite(kind, crowd):
    """CID's widths go by boxes, which its head does not tell: joints in one place have none."""
    model, data = batch_of(crowd_switch(kind, crowd, views=STILL))
    joints, scores, certainty, _ = person(30, 20, 30, 20)
    found = as_rows(
        [Found(np.array([joints], np.float32), np.array([scores], np.float32), np.array([certainty]), None)] * 2,
        0.1,
        JOINTS,
        torch.device('cpu'),
    )
    doubtful = found[1].clone()
    doubtful[0, 1:] = 0.2  # Of the first image alone joints are in doubt.
    views = ViewPair(data['data_samples']['easy'][:2], data['data_samples']['hard'][:2])
    target = model.adapter.target((found[0], doubtful, *found[2:]), None, views)
    loss = model.adapter.loss(model.networks['b'], data['inputs']['hard'][:2], target)
    assert loss.isfinite() and loss > 0


def test_a_sure_instance_without_a_sure_joint_is_in_doubt(crowd):
    model, data = batch_of(crowd_switch('yoloxpose', crowd, views=STILL))
    unsure = person(56, 8, 80, 40)
    target, _ = target_of(model, data, rows([person(8, 8, 24, 40), (unsure[0], [0.2] * JOINTS, 0.9, unsure[3])]))
    known = model.adapter.known(target, INPUT)
    assert known[0, 20, 16] and not known[0, 20, 68]


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda stock: stock['model']['head'].update(type='AssociativeEmbeddingHead'), 'cannot be trained'),
        (lambda stock: stock['model']['head'].update(type='EDPoseHead'), 'has no loss, it only predicts'),
        (lambda stock: stock['train_dataloader']['dataset'].update(pipeline=[]), 'empty training pipeline'),
        (lambda stock: stock['model'].update(type='PoseLifter'), 'lifters turn 2D poses into 3D'),
        (lambda stock: stock['model']['head'].update(type='NoSuchHead'), 'NoSuchHead, which is not registered'),
    ],
)
def test_what_cannot_be_taught_is_named(change, message, crowd):
    stock = crowd_config('cid', crowd)
    change(stock)
    with pytest.raises(ValueError, match=message):
        switch(stock)


@pytest.mark.parametrize(
    'model, message',
    [
        (dict(instance_thr=0.0), 'model.instance_thr=0.0 must be'),
        (dict(lessons=[dict(teacher=['a', 'b'], student='a', combine='closest')]), "take 'mean'"),
        (dict(lessons=[dict(teacher='a', student='b', detach=False)]), 'detach=False'),
        (dict(paths=[[dict(type='BlockShuffle')]]), 'BlockShuffle needs lessons in heatmaps'),
        (dict(lessons=[dict(teacher=['a', 'a.view2'], student='b')]), 'the first easy view alone'),
        (dict(pseudo_loss=dict(type='PseudoHeatmapLoss')), 'has a loss of its own'),
    ],
)
def test_options_that_do_not_fit_are_named(model, message, crowd):
    config = crowd_switch('cid', crowd, model=model)
    with pytest.raises(ValueError, match=message):
        MODELS.build(config.model)


def test_a_larger_frozen_network_of_its_own_config_teaches(crowd, tmp_path):
    """RTMO-l for RTMO-s, for instance: another backbone and neck, the same views."""
    larger = Config(crowd_config('yoloxpose', crowd))
    larger.model.backbone.widen_factor, larger.model.neck.in_channels = 0.25, [64, 128, 256]
    larger.dump(tmp_path / 'larger.py')
    torch.save(dict(state_dict=MODELS.build(larger.model).state_dict()), tmp_path / 'larger.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'larger.pth'))
    big = dict(config=str(tmp_path / 'larger.py'), frozen=True, init_cfg=init_cfg)
    options = dict(model=dict(networks=dict(a=dict(), big=big), lessons=[dict(teacher='big', student='a')]))
    model, data = batch_of(crowd_switch('yoloxpose', crowd, **options))
    assert model.networks['big'].neck.in_channels == [64, 128, 256] and model.frozen == ['big']
    people = true_instances(crowd_switch('yoloxpose', crowd), data['data_samples']['easy'])
    found = [as_found(*each) for each in zip(people, data['data_samples']['easy'])]
    model.adapter.output = lambda *_: as_rows(found, 0.1, JOINTS, torch.device('cpu'))
    assert model(**data, mode='loss')['a/loss_pseudo'] > 0

    for transform in larger.train_dataloader.dataset.pipeline:
        if transform.type == 'BottomupRandomAffine':
            transform.input_size = (128, 96)
    larger.dump(tmp_path / 'larger.py')
    with pytest.raises(ValueError, match='its BottomupRandomAffine is not that of the switched config'):
        crowd_switch('yoloxpose', crowd, **options)


def test_deformable_convolutions_do_not_go_channels_last(crowd):
    with pytest.raises(ValueError, match='channels_last=True: .*DeformConv2d'):
        MODELS.build(crowd_switch('dekr', crowd, model=dict(channels_last=True)).model)


def test_heads_of_others_go_the_general_way(crowd):
    YOLOXPoseHead = MODELS.get('YOLOXPoseHead')

    class OwnHead(YOLOXPoseHead):
        pass

    assert find_adapter(dict(type=OwnHead), several=True).__name__ == 'YOLOXPoseAdapter'
    head = type('LoneHead', (torch.nn.Module,), {})
    assert find_adapter(dict(type=head), several=True) is InstanceAdapter
    with pytest.raises(ValueError, match='networks that see boxes find no instances'):
        adapter_for(dict(type='HeatmapHead', decoder=dict(type='MSRAHeatmap')), instance_thr=0.5)


def test_instances_without_scores_boxes_or_sense(crowd):
    """What others' heads tell: joints alone, or numbers that are none."""
    joints = np.zeros((2, JOINTS, 2))
    joints[1, 0] = np.nan
    found = as_arrays(InstanceData(keypoints=joints), np.array([2.0, 2.0]))
    assert len(found.joints) == 1 and found.certainty.tolist() == [1] and found.boxes is None
