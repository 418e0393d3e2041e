# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import pytest
import torch
from mmpose.models.losses import KeypointMSELoss

from mmpose_dualteach.models import JointCutout, PseudoHeatmapLoss


def released_joints_mse(output, target, weight):
    """The formula of the released code: half the mean squared error of each joint, averaged over joints."""
    errors = [
        0.5 * ((output[:, k] * weight[:, k, None, None] - target[:, k] * weight[:, k, None, None]) ** 2).mean()
        for k in range(output.shape[1])
    ]
    return sum(errors) / output.shape[1]


def test_formula_of_the_released_code():
    answer, pseudo, prediction, label = torch.rand(4, 3, 5, 8, 6).unbind(0)
    ones, visible = torch.ones(3, 5), (torch.rand(3, 5) > 0.3).float()
    released = 0.5 * released_joints_mse(prediction, label, visible) + released_joints_mse(answer, pseudo, ones)
    supervised = KeypointMSELoss(use_target_weight=True)(prediction, label, visible)
    ours = 0.5 * supervised + PseudoHeatmapLoss()(answer, pseudo, torch.ones(3, 1, 8, 6, dtype=torch.bool))
    # Both of the released terms carry a further 0.5 that stock MMPose does not have.
    assert torch.allclose(0.5 * ours, released, rtol=1e-5)


def test_only_valid_cells_count():
    output, target = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    valid = torch.rand(2, 1, 4, 5) > 0.5
    expected = ((output - target) ** 2)[valid.expand_as(output)].mean()
    assert torch.allclose(PseudoHeatmapLoss()(output, target, valid), expected)
    changed = torch.where(valid, target, torch.full_like(target, 1e6))
    assert torch.equal(PseudoHeatmapLoss()(output, changed, valid), PseudoHeatmapLoss()(output, target, valid))


def test_nothing_valid_is_zero_with_gradient():
    output = torch.rand(1, 2, 3, 3, requires_grad=True)
    loss = PseudoHeatmapLoss()(output, torch.rand(1, 2, 3, 3), torch.zeros(1, 1, 3, 3, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and (output.grad == 0).all()


@pytest.mark.parametrize('size', [(192, 256), (96, 128)])
def test_cutout_covers_joints_and_nothing_else(size):
    width, height = size
    points = torch.rand(6, 17, 2) * torch.tensor([width, height])
    cutout = JointCutout()
    scale = (width * height / (192 * 256)) ** 0.5
    torch.manual_seed(1)
    boxes = cutout.boxes(points, size)
    torch.manual_seed(1)
    images = torch.rand(6, 3, height, width) + 1
    before = images.clone()
    torch.manual_seed(1)
    covered = cutout(images, points)
    assert torch.equal(images, before), 'the images given must not be touched'
    assert boxes.shape == (6, 5, 4)
    half = (boxes[..., 2:] - boxes[..., :2]) / 2
    assert half.min() >= 10 * scale - 1e-3 and half.max() <= 20 * scale + 1e-3
    centre = (boxes[..., 2:] + boxes[..., :2]) / 2
    nearest = torch.cdist(centre, points).min(dim=-1).values
    assert nearest.max() < 60 * scale, 'a box is centred near a joint'
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    inside = torch.zeros(6, height, width, dtype=torch.bool)
    for person in range(6):
        for left, top, right, bottom in boxes[person]:
            inside[person] |= (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    assert torch.equal((covered == 0).all(dim=1), inside)
    assert torch.equal(covered[~inside[:, None].expand_as(covered)], before[~inside[:, None].expand_as(before)])


def test_cutout_draws_different_joints_of_each_person():
    far_apart = torch.arange(8.0).reshape(1, 8, 1).expand(4, 8, 2) * 1000
    boxes = JointCutout(jitter=0.0).boxes(far_apart, (192, 256))
    drawn = ((boxes[..., 0] + boxes[..., 2]) / 2 / 1000).round()
    assert all(len(set(person.tolist())) == 5 for person in drawn)
    assert len({tuple(sorted(person.tolist())) for person in drawn}) > 1


def test_cutout_with_fewer_joints_than_asked():
    assert JointCutout(joints=5).boxes(torch.rand(2, 3, 2), (64, 64)).shape == (2, 3, 4)


@pytest.mark.parametrize('bad', [dict(joints=0), dict(half_width=(20, 10)), dict(jitter=-1)])
def test_bad_cutout_is_named(bad):
    with pytest.raises(ValueError, match='JointCutout'):
        JointCutout(**bad)
