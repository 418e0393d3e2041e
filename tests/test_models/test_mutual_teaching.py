# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import copy

import pytest
import torch
from conftest import switch
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmpose.registry import DATASETS, MODELS

from mmpose_dualteach.models import MutualTeachingPoseEstimator
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.switch import stock_config


def build(config):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config.model))
    model.init_weights()
    return model.train()


def batches(config, count=3):
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    labeled = dataset.num_labeled
    people = [[(i + n) % labeled for i in range(4)] + [labeled + n + i for i in range(4)] for n in range(count)]
    return [pseudo_collate([dataset[index] for index in batch]) for batch in people]


def preprocessed(model, batch):
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    return data['inputs'], data['data_samples']


def gradients(network) -> list:
    return [p.grad for p in network.parameters() if p.grad is not None and p.grad.abs().sum() > 0]


def train(model, data, scale=None):
    wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), lr=1e-3))
    if scale is not None:
        model.unsup_scale = scale
    return [model.train_step(copy.deepcopy(batch), wrapper) for batch in data]


@pytest.mark.parametrize('off', ['burn-in', 'no lessons'])
def test_with_the_pseudo_part_off_a_network_is_the_stock_estimator_bit_for_bit(stock, off):
    options = dict(sup_weight=1.0)
    if off == 'no lessons':
        options['lessons'] = []
    config = switch(stock, model=options)
    mutual, baseline = build(config), build(stock_config(config))
    for key, value in baseline.state_dict().items():
        assert torch.equal(value, mutual.networks['a'].state_dict()[key]), f'{key} starts differently'

    data = batches(config)
    labeled = [
        dict(
            inputs=[x for x in batch['inputs']['labeled'] if x is not None],
            data_samples=[s for s in batch['data_samples']['labeled'] if s is not None],
        )
        for batch in data
    ]
    calls = []
    for group in mutual.groups:
        group.predict_easy = lambda *_: calls.append(1)
    ours, stocks = train(mutual, data, scale=0.0), train(baseline, labeled)
    assert not calls, 'unlabelled images must not be forwarded'
    for one, other in zip(ours, stocks):
        assert torch.equal(one['a/loss_kpt'], other['loss_kpt'])
    for key, value in baseline.state_dict().items():
        assert torch.equal(value, mutual.networks['a'].state_dict()[key]), key


def test_networks_start_different_and_each_from_its_own_seed(stock):
    same = build(switch(stock, model=dict(networks=dict(a=dict(seed=3), b=dict(seed=3)))))
    for one, other in zip(same.networks['a'].parameters(), same.networks['b'].parameters()):
        assert torch.equal(one, other)
    default = build(switch(stock))
    head = [network.head.final_layer.weight for network in default.networks.values()]
    first = [network.backbone.conv1.weight for network in default.networks.values()]
    assert not torch.equal(*head) and not torch.equal(*first)
    again = build(switch(stock))
    for one, other in zip(default.parameters(), again.parameters()):
        assert torch.equal(one, other)


def test_a_model_can_be_copied(switched):
    model = build(switched)
    for one, other in zip(model.parameters(), copy.deepcopy(model).parameters()):
        assert torch.equal(one, other)


def test_each_network_may_have_its_own_checkpoint(stock, tmp_path):
    donor = build(switch(stock, model=dict(networks=dict(a=dict(seed=9)), lessons=[])))
    torch.save(dict(state_dict=donor.networks['a'].state_dict()), tmp_path / 'own.pth')
    pretrained = dict(type='Pretrained', checkpoint=str(tmp_path / 'own.pth'))
    model = build(switch(stock, model=dict(networks=dict(a=dict(), b=dict(init_cfg=pretrained)))))
    for one, other in zip(model.networks['b'].parameters(), donor.networks['a'].parameters()):
        assert torch.equal(one, other)
    assert not torch.equal(model.networks['a'].head.final_layer.weight, donor.networks['a'].head.final_layer.weight)


def added_up(parts):
    losses = {}
    for part in parts:
        assert not set(part) & set(losses)
        losses.update(part)
    return losses


def lessons_of(model, images, samples):
    """The lessons' losses alone."""
    model.sup_losses = lambda *_: iter(())
    return added_up(model.loss_parts(images, samples))


def test_no_gradient_reaches_a_teacher(stock):
    config = switch(stock, model=dict(lessons=[dict(teacher='a', student='b')]))
    model = build(config)
    images, samples = preprocessed(model, batches(config, 1)[0])
    losses = lessons_of(model, images, samples)
    assert set(losses) == {'b/loss_pseudo'}
    losses['b/loss_pseudo'].backward()
    assert not gradients(model.networks['a']) and gradients(model.networks['b'])


def test_each_student_gets_gradient_from_its_own_lesson_only(switched):
    model = build(switched)
    images, samples = preprocessed(model, batches(switched, 1)[0])
    losses = lessons_of(model, images, samples)
    assert set(losses) == {'a/loss_pseudo', 'b/loss_pseudo'}
    losses['a/loss_pseudo'].backward()
    assert gradients(model.networks['a']) and not gradients(model.networks['b'])


def test_naive_consistency_lets_gradient_through_both_views(stock):
    lesson = dict(teacher='a', student='b', detach=False)
    config = switch(stock, model=dict(lessons=[lesson]))
    model = build(config)
    images, samples = preprocessed(model, batches(config, 1)[0])
    lessons_of(model, images, samples)['b/loss_pseudo'].backward()
    assert gradients(model.networks['a']) and gradients(model.networks['b'])


@pytest.mark.parametrize('confidence', [True, False])
def test_lesson_loss_is_what_it_says(stock, confidence):
    """The whole way of a lesson, written again in plain torch for one person."""
    options = dict(lessons=[dict(teacher='a', student='b')], teacher_mode='eval', confidence=confidence)
    config = switch(stock, model=options)
    model = build(config)
    model.networks['a'].head.final_layer.bias.data.uniform_(0.2, 0.7)  # Sure of some joints more than of others.
    images, samples = preprocessed(model, batches(config, 1)[0])
    views = ViewPair(samples['easy'], samples['hard'])
    loss = lessons_of(model, images, samples)['b/loss_pseudo']
    a, b = model.networks['a'], model.networks['b']
    a.eval()
    with torch.no_grad():
        easy = a.head(a.extract_feat(images['easy']))
    a.train()
    answer = b.head(b.extract_feat(images['hard']))
    target = model.adapter.move(easy, views)
    mask = target.valid.expand_as(answer)
    weight = views.swap_sides(easy.amax(dim=(2, 3)))[..., None, None] if confidence else torch.ones(())
    expected = (weight * (answer - target.value) ** 2)[mask].mean()
    assert torch.allclose(loss, expected, rtol=1e-4, atol=0) and expected > 1e-3


def test_evaluation_mode_of_a_teacher_leaves_its_statistics_and_modes_alone(stock):
    config = switch(stock, model=dict(teacher_mode='eval'))
    model = build(config)
    model.networks['a'].backbone.bn1.eval()  # Frozen by its config, say.
    images, samples = preprocessed(model, batches(config, 1)[0])
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.groups[0].predict_easy(images, samples)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not model.networks['a'].backbone.bn1.training and model.networks['a'].backbone.layer1[0].bn1.training


def test_training_mode_of_a_teacher_updates_its_statistics(switched):
    model = build(switched)
    images, samples = preprocessed(model, batches(switched, 1)[0])
    before = model.networks['a'].backbone.bn1.running_mean.clone()
    model.groups[0].predict_easy(images, samples)
    assert not torch.equal(before, model.networks['a'].backbone.bn1.running_mean)


def mean_input(model, name, images):
    """What the first batch norm of a network's backbone sees of images, per channel."""
    with torch.no_grad():
        return model.networks[name].backbone.conv1(images).mean(dim=(0, 2, 3))


@pytest.mark.parametrize('checkpointed', [False, True])  # Whose blocks run forward again in the backward pass.
def test_running_statistics_are_of_easy_views_or_of_all(stock, checkpointed):
    stock['model']['backbone']['with_cp'] = checkpointed
    counts, steps, (batch,) = {}, {}, batches(switch(stock), 1)
    for statistics in ('easy', 'all'):
        model = build(switch(stock, model=dict(statistics=statistics)))
        means = {branch: mean_input(model, 'b', images) for branch, images in preprocessed(model, batch)[0].items()}
        train(model, [batch])
        backbone = model.networks['b'].backbone
        expected = torch.zeros_like(means['easy'])
        for branch in ['easy'] if statistics == 'easy' else ['labeled', 'easy', 'hard']:
            expected.lerp_(means[branch], backbone.bn1.momentum)
        torch.testing.assert_close(backbone.bn1.running_mean, expected, rtol=0, atol=1e-5)
        counts[statistics] = int(backbone.layer1[0].bn1.num_batches_tracked)
        steps[statistics] = dict(model.named_parameters())
        head = next(each for each in model.networks['b'].head.modules() if isinstance(each, torch.nn.BatchNorm2d))
        assert head.num_batches_tracked == 3, 'heads keep those of all'
        norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        assert all(norm.track_running_stats for norm in norms)
    assert counts == dict(easy=1, all=5 if checkpointed else 3)
    assert all(torch.equal(value, steps['all'][name]) for name, value in steps['easy'].items()), 'training is the same'


def test_teachers_that_normalise_by_labels(stock):
    config = switch(stock, model=dict(statistics='labeled'))
    model, (first, second) = build(config), batches(config, 2)
    images, samples = preprocessed(model, first)
    mean = mean_input(model, 'b', images['labeled'])
    train(model, [first])
    norms = [part for part in model.networks['b'].modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert all(norm.num_batches_tracked == 1 for norm in norms), 'heads too'
    torch.testing.assert_close(norms[0].running_mean, norms[0].momentum * mean, rtol=0, atol=1e-5)
    predictions, _ = model.groups[0].predict_easy(images, samples)
    as_tested = copy.deepcopy(model.networks['b']).eval()
    (ours,) = [output for teacher, output in predictions.items() if teacher.network == 'b']
    assert torch.equal(ours, as_tested(images['easy'], None, mode='tensor')) and model.networks['b'].training

    # A moving average that teaches has its network's statistics.
    averages = [dict(teacher='a.ema', student='b'), dict(teacher='b.ema', student='a')]
    model = build(switch(stock, model=dict(statistics='labeled', lessons=averages)))
    train(model, [first])
    norms = [part for part in model.networks.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert all(norm.num_batches_tracked == 1 for norm in norms)

    # In the middle of a run, and for averages and snapshots too.
    others = [dict(teacher='a.ema', student='b'), dict(teacher='b.snapshot', student='a')]
    model = build(switch(stock, model=dict(lessons=others)))
    train(model, [first])
    model.normalize_by_labels()
    train(model, [second])
    own, average, snapshot = model.networks, model.copies.averages['a'].module, model.copies.snapshots['b']
    for network, teacher in (('a', average), ('b', snapshot)):
        assert torch.equal(teacher.backbone.bn1.running_mean, own[network].backbone.bn1.running_mean)
    count = own['a'].backbone.bn1.num_batches_tracked.clone()
    train(model, [first])
    assert own['a'].backbone.bn1.num_batches_tracked == count + 1, 'hard views do not count'

    # In the middle of a run: the same from the next batch on, whatever was before.
    model = build(switch(stock))
    train(model, [first])
    model.normalize_by_labels()
    mean = mean_input(model, 'b', preprocessed(model, second)[0]['labeled'])
    train(model, [second])
    norm = model.networks['b'].backbone.bn1
    torch.testing.assert_close(norm.running_mean, mean, rtol=0, atol=1e-5)
    assert norm.momentum == 0.1
    before = norm.running_mean.clone()
    mean = mean_input(model, 'b', preprocessed(model, first)[0]['labeled'])
    train(model, [first])
    torch.testing.assert_close(norm.running_mean, before.lerp(mean, 0.1), rtol=0, atol=1e-5)


def test_drift_is_the_loss_of_labels_normalised_as_easy_views(stock):
    config = switch(stock)
    model = build(config)
    train(model, batches(config, 2))
    images, samples = preprocessed(model, batches(config, 1)[0])
    shown, labels = images['labeled'], samples['labeled']
    networks = {mode: copy.deepcopy(model.networks['a']).train(mode) for mode in (True, False)}
    own = networks[True].loss(shown, labels)['loss_kpt'].detach()
    # The head's own statistics are of this batch as well by then.
    networks[False].head.load_state_dict(networks[True].head.state_dict())
    as_easy = networks[False].loss(shown, labels)['loss_kpt'].detach()
    joints = [model.adapter.joints(networks[mode](shown, None, mode='tensor'))[0] for mode in (True, False)]
    moved = (joints[0] - joints[1]).norm(dim=-1).mean() / 96
    unwatched = copy.deepcopy(model)
    model.watching = True
    (found,) = [losses for losses in model.loss_parts(images, samples) if 'a/loss_kpt' in losses]
    torch.testing.assert_close(found['a/labeled_as_easy'], as_easy / own, rtol=1e-5, atol=0)
    torch.testing.assert_close(found['a/labeled_as_easy_moved'], moved, rtol=1e-3, atol=0)
    assert as_easy > 1.02 * own, 'the two differ, or this shows nothing'
    list(unwatched.loss_parts(images, samples))
    weights = model.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in unwatched.state_dict().items()), 'nothing stays of it'
    model.statistics.kind = 'all'
    assert not [key for losses in model.loss_parts(images, samples) for key in losses if 'labeled_as_easy' in key]


@pytest.mark.parametrize(
    'options, scale, seen',
    [
        (dict(), 0.0, 1),  # Burn-in: labels.
        (dict(teacher_mode='eval'), 1.0, 2),  # Labels and hard views.
        (dict(lessons=[dict(teacher='a', student='b')]), 1.0, 2),  # The student's.
        (dict(lessons=[dict(teacher='a.ema', student='b'), dict(teacher='b.ema', student='a')]), 1.0, 2),
    ],
)
def test_a_network_that_sees_no_easy_view_has_statistics_of_all_it_sees(stock, options, scale, seen):
    config = switch(stock, model=options)
    model = build(config)
    train(model, batches(config, 1), scale)
    assert model.networks['b'].backbone.bn1.num_batches_tracked == seen


def test_weights_of_joints_carry_no_gradient_even_where_the_teacher_gets_one(stock):
    config = switch(stock, model=dict(networks=dict(a=dict()), lessons=[dict(teacher='a', student='a', detach=False)]))
    model = build(config)
    images, samples = preprocessed(model, batches(config, 1)[0])
    views = ViewPair(samples['easy'], samples['hard'])
    predictions, known = model.groups[0].predict_easy(images, samples)
    (target,) = model.groups[0].to_hard_view(predictions, model.groups[0].combined(predictions, known), views).values()
    assert target.value.requires_grad and not target.weight.requires_grad


def test_scores_are_looked_for_only_where_someone_asks(stock):
    for confidence, watching, asked in ((False, False, 0), (False, True, 2), (True, False, 1)):
        model = build(switch(stock, model=dict(confidence=confidence)))
        calls = []
        for name in ('scores', 'joint_scores'):
            own = getattr(model.adapter, name)
            setattr(model.adapter, name, lambda *outputs, calls=calls, own=own: calls.append(1) or own(*outputs))
        model.watching = watching
        model(*preprocessed(model, batches(switch(stock), 1)[0]), mode='loss')
        # When watched, of the labelled people too.
        assert len(calls) == asked, (confidence, watching)


def test_default_weights(switched):
    model = build(switched)
    data = batches(switched, 1)
    images, samples = preprocessed(model, data[0])
    weighted = added_up(model.sup_losses(images, samples))
    stock_loss = build(switched).networks['a'].loss(images['labeled'], samples['labeled'])['loss_kpt']
    assert torch.equal(weighted['a/loss_kpt'], stock_loss) and model.unsup_weight == 1.0
    assert model.adapter.criterion.loss_weight == 1.0


def test_cutout_touches_the_hard_view_only(stock):
    config = switch(stock, model=dict(paths=[[dict(type='JointCutout')]]))
    model = build(config)
    model.record_lessons = True
    images, samples = preprocessed(model, batches(config, 1)[0])
    before = {branch: value.clone() for branch, value in images.items()}
    lessons_of(model, images, samples)
    assert all(torch.equal(images[branch], before[branch]) for branch in images)
    assert len(model.records) == 2
    for record in model.records:
        assert torch.equal(record.easy, before['easy']) and not torch.equal(record.hard, before['hard'])
    assert not torch.equal(model.records[0].hard, model.records[1].hard), 'each student has cut-outs of its own'


def test_mean_answers_between_the_networks(stock):
    config = switch(stock, model=dict(predict_on='mean'))
    model = build(config).eval()
    dataset = DATASETS.build(copy.deepcopy(config.val_dataloader.dataset))
    batch = pseudo_collate([dataset[0], dataset[1]])
    data = model.data_preprocessor(batch, False)
    answers = model.predict_all(data['inputs'], data['data_samples'])
    assert set(answers) == {'a', 'b', 'mean'}
    heatmaps = [net(data['inputs'], None, mode='tensor') for net in model.networks.values()]
    expected = model.networks['a'].head.decode((heatmaps[0] + heatmaps[1]) / 2)
    scores = [sample.pred_instances.keypoint_scores for sample in answers['mean']]
    assert all((ours == theirs.keypoint_scores).all() for ours, theirs in zip(scores, expected))
    model.predict_on, model.forward = 'a', model._forward  # As MMPose's get_flops.py does it.
    assert torch.equal(model(data['inputs']), heatmaps[0])
    single = model.networks['a'](data['inputs'], data['data_samples'], mode='predict')
    assert (single[0].pred_instances.keypoints == answers['a'][0].pred_instances.keypoints).all()


def test_a_stock_checkpoint_gives_its_weights_to_every_network(switched):
    donor = build(stock_config(switched))
    model = build(switched)
    result = model.load_state_dict(donor.state_dict())
    assert not result.missing_keys and not result.unexpected_keys
    for network in model.networks.values():
        for one, other in zip(network.parameters(), donor.parameters()):
            assert torch.equal(one, other)


def test_bfloat16_channels_last_trains(stock):
    config = switch(stock, model=dict(autocast='bfloat16', channels_last=True))
    model = build(config)
    data = batches(config, 1) * 6
    first, *_, last = train(model, data)
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in last.values())
    assert last['loss'] < first['loss']


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(lessons=[dict(teacher='c', student='a')]), "no network 'c'"),
        (dict(lessons=[dict(teacher='a')]), 'takes teacher, student'),
        (dict(lessons=[dict(teacher='a.ema', student='b', detach=False)]), 'takes no gradient'),
        (
            dict(lessons=[dict(teacher='a', student='b', detach=False)], redraw=True),
            'detach=False needs a gradient of the teacher, and labels made of joints pass none',
        ),
        (dict(unsup_weight=-1), 'unsup_weight=-1 must not be negative'),
        (dict(teacher_mode='frozen'), "'train' or 'eval'"),
        (dict(statistics='hard'), "statistics='hard'; choose 'easy', 'labeled' or 'all'"),
        (dict(predict_on='c'), 'predict_on'),
        (dict(networks=dict()), 'networks is empty'),
    ],
)
def test_bad_options_are_named(stock, options, message):
    model = dict(switch(stock).model, **options)
    with pytest.raises(ValueError, match=message):
        MODELS.build(model)


def test_wrong_heatmap_size_is_a_codec_mismatch(switched):
    model = build(switched)
    with pytest.raises(ValueError, match='codec mismatch.*48x24.*16x24'):
        model.adapter.output(model.networks['a'], torch.rand(1, 3, 96, 192))


def test_a_detached_lesson_gives_its_teacher_no_gradient_whatever_others_do(stock):
    lessons = [dict(teacher='a', student='b'), dict(teacher='a', student='a', detach=False)]
    config = switch(stock, model=dict(lessons=lessons))
    model = build(config)
    losses = lessons_of(model, *preprocessed(model, batches(config, 1)[0]))
    losses['b/loss_pseudo'].backward()
    assert gradients(model.networks['b']) and not gradients(model.networks['a'])


def test_an_average_beside_its_network_has_a_peak_of_its_own(stock):
    lessons = [dict(teacher='a.ema', student='b'), dict(teacher='a', student='b')]
    model = build(switch(stock, model=dict(lessons=lessons)))
    model.watching = True
    with torch.no_grad():
        for parameter in model.copies.averages['a'].module.parameters():
            parameter.mul_(0.5)
    log = model(*preprocessed(model, batches(switch(stock), 1)[0]), mode='loss')
    assert log['a_ema/peak_unlabeled'] != log['a/peak_unlabeled']
    model = build(switch(stock, model=dict(lessons=lessons[:1])))
    model.watching = True
    assert 'a/peak_unlabeled' in model(*preprocessed(model, batches(switch(stock), 1)[0]), mode='loss')


def test_initial_weights_leave_every_other_random_sequence_alone(stock, monkeypatch):
    """Above all those of GPUs: torch.manual_seed would set them all, and fork_rng save them all."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    config = switch(stock)
    monkeypatch.setattr(torch, 'manual_seed', None)
    monkeypatch.setattr(torch.random, 'fork_rng', None)
    MODELS.build(config.model).init_weights()
    assert torch.equal(torch.rand(3), expected)


LESSONS = dict(
    dual=[dict(teacher='a', student='b'), dict(teacher='b', student='a')],
    naive=[dict(teacher='a', student='a', detach=False), dict(teacher='a', student='b', detach=False)],
    averaged=[dict(teacher='a.ema', student='b'), dict(teacher='a', student='b')],
    none=[],
)


@pytest.mark.parametrize('accumulated', [1, 2])
@pytest.mark.parametrize('lessons', LESSONS)
def test_a_step_part_by_part_is_the_step_of_the_whole_loss(stock, lessons, accumulated):
    """mmengine's own train_step, which takes the gradient of all losses at once, is the oracle."""
    config = switch(stock, model=dict(lessons=LESSONS[lessons]))
    data = batches(config, 3)
    whole, parts = build(config), build(config)
    logs = []
    for model, step in ((whole, BaseModel.train_step), (parts, type(parts).train_step)):
        optim = build_optim_wrapper(
            model, dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.5), accumulative_counts=accumulated)
        )
        optim.initialize_count_status(model, 0, 3)
        model.watching = True
        torch.manual_seed(1)
        logs.append([step(model, copy.deepcopy(batch), optim) for batch in data])
        assert optim._inner_count == 3
    for one, other in zip(*logs):
        assert list(one)[0] == list(other)[0] == 'loss' and set(one) == set(other)
        assert all(torch.allclose(one[key], other[key].to(one[key]), rtol=1e-4, atol=1e-7) for key in one), (one, other)
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values()):
        assert torch.allclose(one.float(), other.float(), rtol=1e-3, atol=1e-5)


def test_a_step_keeps_the_activations_of_one_part_at_a_time(switched):
    class Saved:
        now = most = 0

        def __init__(self, tensor):
            self.tensor = tensor
            Saved.now += tensor.numel()
            Saved.most = max(Saved.most, Saved.now)

        def __del__(self):
            Saved.now -= self.tensor.numel()

    peaks = []
    batch = batches(switched, 1)[0]
    for step in (BaseModel.train_step, MutualTeachingPoseEstimator.train_step):
        model = build(switched)
        optim = build_optim_wrapper(model, dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)))
        Saved.now = Saved.most = 0
        with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
            step(model, copy.deepcopy(batch), optim)
        peaks.append(Saved.most)
    assert peaks[1] < 0.3 * peaks[0]


def test_accuracy_is_computed_only_when_it_is_looked_at(switched, monkeypatch):
    from mmpose.models.heads.heatmap_heads import heatmap_head

    calls = []
    monkeypatch.setattr(heatmap_head, 'pose_pck_accuracy', lambda *a, **k: calls.append(1) or (0, 0.5, 0))
    model = build(switched)
    data = preprocessed(model, batches(switched, 1)[0])
    assert 'a/acc_pose' not in model(*data, mode='loss') and not calls
    model.watching = True
    assert 'a/acc_pose' in model(*data, mode='loss') and len(calls) == 2
    with torch.autocast('cpu', torch.bfloat16):  # numpy, in which it is computed, has no bfloat16.
        assert 'a/acc_pose' in model(*data, mode='loss') and len(calls) == 4
    model.wants_accuracy = False
    assert 'a/acc_pose' not in model(*data, mode='loss') and len(calls) == 4


def test_compiled_networks_learn_and_are_saved_as_others(stock):
    """By a backend that compiles nothing, which is quick and shows what would be compiled."""
    lessons = [dict(teacher='a.ema', student='a')]
    compiled_calls = []

    def backend(graph, inputs):
        compiled_calls.append(len(inputs))
        return graph.forward

    plain = build(switch(stock, model=dict(networks=dict(a=dict()), lessons=lessons)))
    config = switch(stock, model=dict(networks=dict(a=dict()), lessons=lessons))
    config.model.compile = dict(backend=backend)
    compiled = build(config)
    data = batches(switch(stock), 1)
    one, other = [model(*preprocessed(model, data[0]), mode='loss') for model in (plain, compiled)]
    assert compiled_calls and all(torch.allclose(one[key], other[key], rtol=1e-4) for key in one)
    assert list(plain.state_dict()) == list(compiled.state_dict())
