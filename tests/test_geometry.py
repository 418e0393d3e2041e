# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The oracle: encode the easy keypoints, warp, and compare with encoding the hard keypoints."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.utils import digit_version
from mmpose.registry import KEYPOINT_CODECS

from mmpose_dualteach import geometry
from mmpose_dualteach.datasets.transforms.easy_hard_views import Cut
from mmpose_dualteach.models.adapters import adapter_for
from mmpose_dualteach.models.view_pair import ViewPair

IMAGE = (200, 150)
FLIP_INDICES = [1, 0, 2, 4, 3]
CODECS = {
    'msra': dict(type='MSRAHeatmap', sigma=2.0),
    'msra unbiased': dict(type='MSRAHeatmap', sigma=2.0, unbiased=True),
    'udp': dict(type='UDPHeatmap', sigma=2.0),
}
SIZES = {'192x256': ((192, 256), (48, 64)), '96x96': ((96, 96), (24, 24)), '160x64': ((160, 64), (40, 16))}


def head(codec: dict) -> dict:
    return dict(type='HeatmapHead', in_channels=1, out_channels=5, decoder=codec)


def sample(matrix, flip) -> SimpleNamespace:
    return SimpleNamespace(metainfo=dict(view_matrix=matrix, flip=flip, flip_indices=FLIP_INDICES))


def on_input(points: np.ndarray, matrix: np.ndarray, flip: bool) -> np.ndarray:
    """Original points (K, 2) as a dataset gives them after a view: moved, and sides swapped where it mirrors."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return moved[FLIP_INDICES] if flip else moved


def encode(codec, points: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(codec.encode(points[None].astype(np.float32), np.ones((1, 5), np.float32))['heatmaps'])


def random_views(views: Cut, rng, size):
    """A pair of views of one box, flipped or not each by itself, and their samples."""
    width = rng.uniform(60, 120)
    scale = np.array([width, width * size[1] / size[0]])
    centre = np.array(IMAGE) / 2 + rng.uniform(-15, 15, 2)
    matrices, flips, factors = [], [], []
    for _ in range(2):
        factor, flip = rng.uniform(0.75, 1.25), bool(rng.random() < 0.5)
        matrices.append(views.view_matrix(centre, scale * factor, rng.uniform(-60, 60), flip, IMAGE[0]))
        flips.append(flip)
        factors.append(factor)
    return matrices, flips, factors[0] / factors[1]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('kind', CODECS)
def test_encode_then_warp_equals_warp_then_encode(kind, size):
    input_size, heatmap_size = SIZES[size]
    config = dict(CODECS[kind], input_size=input_size, heatmap_size=heatmap_size)
    codec, adapter = KEYPOINT_CODECS.build(config), adapter_for(head(config))
    views = Cut(input_size, kind == 'udp')
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(30):
        (easy, hard), flips, zoom = random_views(views, rng, input_size)
        # Joints on cell centres of the easy view, so that a biased codec's rounding is not what is measured.
        cells = (
            rng.integers(6, np.array(heatmap_size) - 6, (5, 2))
            if min(heatmap_size) > 16
            else rng.integers(5, np.array(heatmap_size) - 5, (5, 2))
        )
        joints_easy = cells * codec.scale_factor
        back = geometry.invert(easy)
        original = (joints_easy[FLIP_INDICES] if flips[0] else joints_easy) @ back[:, :2].T + back[:, 2]
        assert np.allclose(on_input(original, easy, flips[0]), joints_easy)
        joints_hard = on_input(original, hard, flips[1])

        pair = ViewPair([sample(easy, flips[0])], [sample(hard, flips[1])])
        assert np.allclose(pair.move_points(torch.from_numpy(joints_easy)[None])[0], joints_hard, atol=1e-5)

        target = adapter.move(encode(codec, joints_easy)[None], pair)
        ours, valid = target.value[0], target.valid[0, 0]
        expected = joints_hard / codec.scale_factor
        sigma = 2.0 * zoom
        y, x = torch.meshgrid(*[torch.arange(n) for n in heatmap_size[::-1]], indexing='ij')
        for k in range(5):
            inside = (expected[k] > 1).all() and (expected[k] < np.array(heatmap_size) - 2).all()
            if not inside:
                continue
            compared += 1
            peak = np.array(np.unravel_index(int(ours[k].argmax()), heatmap_size[::-1]))[::-1]
            assert np.abs(peak - expected[k]).max() <= 0.6, (kind, size, peak, expected[k])
            analytic = torch.exp(-((x - expected[k][0]) ** 2 + (y - expected[k][1]) ** 2) / (2 * sigma**2))
            # MSRA cuts its Gaussians off at three sigma, so compare where they are drawn.
            near = valid & (analytic > 0.05)
            assert (ours[k] - analytic)[near].abs().mean() < 0.03
    assert compared > 60


def test_points_and_heatmaps_take_the_same_path():
    config = dict(CODECS['udp'], input_size=(192, 256), heatmap_size=(48, 64))
    adapter, codec = adapter_for(head(config)), KEYPOINT_CODECS.build(config)
    matrix = Cut((192, 256), True).view_matrix((90, 70), (60, 80), 35.0, False, IMAGE[0])
    straight = Cut((192, 256), True).view_matrix((90, 70), (60, 80), 0.0, False, IMAGE[0])
    pair = ViewPair([sample(straight, False)], [sample(matrix, False)])
    points = np.array([[90.0, 120.0], [100.0, 100.0], [80.0, 140.0], [96.0, 128.0], [110.0, 150.0]])
    moved = adapter.move(encode(codec, points)[None], pair)
    joints, scores = adapter.joints(moved.value)
    distance = (joints - pair.move_points(torch.from_numpy(points)[None])).norm(dim=-1)
    assert distance.max() < 4 and scores.min() > 0.85


def test_identity_changes_nothing_and_everything_is_valid():
    heatmaps = torch.rand(2, 3, 16, 12)
    warped, valid = geometry.warp_heatmaps(heatmaps, np.eye(2, 3)[None].repeat(2, 0), (12, 16))
    assert torch.allclose(warped, heatmaps, atol=1e-5) and valid.all() and valid.shape == (2, 1, 16, 12)


def test_what_the_easy_view_did_not_show_is_not_valid():
    right = np.array([[[1.0, 0.0, 5.0], [0.0, 1.0, 0.0]]])
    warped, valid = geometry.warp_heatmaps(torch.ones(1, 1, 8, 12), right, (12, 8))
    assert not valid[0, 0, :, :5].any() and valid[0, 0, :, 5:].all()
    assert (warped[0, 0, :, :5] == 0).all() and torch.allclose(warped[0, 0, :, 5:], torch.ones(8, 7), atol=1e-5)


def test_rotation_is_no_shear_on_an_oblong_heatmap():
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    centre = np.array([[1.0, 0.0, 20.0], [0.0, 1.0, 8.0]])
    matrix = geometry.compose(centre, geometry.compose(quarter, geometry.invert(centre)))
    heatmap = torch.zeros(1, 1, 17, 41)
    heatmap[0, 0, 8, 25] = 1.0
    warped, _ = geometry.warp_heatmaps(heatmap, matrix[None], (41, 17))
    assert warped[0, 0, 13, 20] == pytest.approx(1.0, abs=1e-4)


def test_only_people_whose_views_differ_in_flip_swap_sides():
    pair = ViewPair(
        [sample(np.eye(2, 3), True), sample(np.eye(2, 3), True)],
        [sample(np.eye(2, 3), False), sample(np.eye(2, 3), True)],
    )
    joints = torch.arange(10).reshape(2, 5)
    assert pair.swap_sides(joints).tolist() == [[1, 0, 2, 4, 3], [5, 6, 7, 8, 9]]


def test_singular_matrix_is_named():
    with pytest.raises(ValueError, match='singular'):
        geometry.invert(np.zeros((2, 3)))


def test_inverse_and_composition():
    matrix = np.random.default_rng(0).normal(size=(7, 2, 3))
    assert np.allclose(geometry.compose(matrix, geometry.invert(matrix)), np.eye(2, 3))
    assert np.allclose(geometry.mirror(10) @ [0, 0, 1], [9, 0])


@pytest.mark.parametrize(
    'dtype',
    [
        torch.bfloat16,
        pytest.param(
            torch.float16,
            marks=pytest.mark.skipif(
                digit_version(torch.__version__) < digit_version('2.3'), reason='no such autocast on CPUs'
            ),
        ),
    ],
)
def test_maps_keep_their_digits_under_autocast(dtype):
    torch.manual_seed(0)
    turn = np.array([[[0.8, -0.5, 40.3], [0.5, 0.8, -30.7]]])
    points, heatmaps = torch.rand(1, 50, 2) * 250, torch.rand(1, 3, 64, 48)
    matrix = geometry.on_device(turn, points.device)
    exact = geometry.transform_points(points, matrix), geometry.warp_heatmaps(heatmaps, turn / 4, (48, 64))[0]
    with torch.autocast('cpu', dtype):
        assert torch.equal(geometry.transform_points(points, matrix), exact[0])
        assert torch.equal(geometry.warp_heatmaps(heatmaps, turn / 4, (48, 64))[0], exact[1])
    assert geometry.transform_points(points.to(dtype), matrix).dtype == torch.float32
