# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Laws of the geometry, the views and what is drawn on them, for any box, image and view."""

from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mmpose.structures.bbox import bbox_xyxy2cs

from mmpose_dualteach import geometry
from mmpose_dualteach.datasets import EasyHardViews
from mmpose_dualteach.methods.posedual import PAPER_VIEWS
from mmpose_dualteach.models import JointCutout
from mmpose_dualteach.models.losses.pseudo_heatmap_loss import PseudoHeatmapLoss
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.random_state import set_random_state

FLIPS = [1, 0, 2]
seeds = st.integers(0, 2**31)
sides = st.sampled_from([(64, 96), (192, 256), (96, 96), (256, 64), (33, 47)])
numbers = st.floats(-1e3, 1e3, allow_subnormal=False)


@st.composite
def maps(draw, count: int = 1):
    """Views: turned, mirrored, scaled, moved."""
    found = []
    for _ in range(count):
        angle, scale = draw(st.floats(-np.pi, np.pi)), draw(st.floats(0.05, 20))
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if draw(st.booleans()):
            turn[:, 0] *= -1
        found.append(np.column_stack([turn, draw(arrays.arrays(float, 2, elements=numbers))]))
    return np.stack(found)


@st.composite
def people(draw):
    """An image's size, and a box in or partly outside of it."""
    width, height = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    left, top = draw(st.floats(-200, 250)), draw(st.floats(-200, 250))
    box = np.array([[left, top, left + draw(st.floats(0.5, 500)), top + draw(st.floats(0.5, 500))]], dtype=np.float32)
    return (width, height), box


def views_of(person, size, use_udp: bool, seed: int, **options) -> dict:
    (width, height), box = person
    center, scale = bbox_xyxy2cs(box, padding=1.25)
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    untouched = image.copy()
    set_random_state((seed,))
    laws = dict(PAPER_VIEWS if not options.get('independent') else dict(easy=PAPER_VIEWS['easy']), **options)
    results = EasyHardViews(size, use_udp=use_udp, **laws)(dict(img=image, bbox_center=center, bbox_scale=scale))
    assert (image == untouched).all(), 'other instances are on the same image'
    return dict(results.pop('views'), **results, center=center[0])


@given(maps(3), arrays.arrays(float, (5, 2), elements=numbers))
def test_maps_are_a_group(three, points):
    first, second, third = three
    unit = np.eye(2, 3)
    assert np.allclose(geometry.compose(geometry.invert(first), first), unit, atol=1e-6)
    one = geometry.compose(third, geometry.compose(second, first))
    other = geometry.compose(geometry.compose(third, second), first)
    assert np.allclose(one, other, rtol=1e-9, atol=1e-6)
    moved = geometry.transform_points(torch.from_numpy(points)[None], torch.from_numpy(one)[None])[0].numpy()
    for matrix in (first, second, third):
        points = points @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(moved, points, rtol=1e-9, atol=1e-6)
    turn = geometry.without_scale(one)
    assert np.allclose(turn @ turn.T, np.eye(2), atol=1e-9)


@given(
    maps(1),
    st.tuples(st.floats(0.25, 8), st.floats(0.25, 8)),
    st.floats(-1, 1),
    arrays.arrays(float, (5, 2), elements=numbers),
)
def test_cells_go_the_way_of_their_input_pixels(one, factor, offset, cells):
    to_input = geometry.cells_to_input(factor, offset)
    matrix = geometry.in_cells(one[0], to_input)
    pixels = (cells + offset) * factor
    moved = pixels @ one[0, :, :2].T + one[0, :, 2]
    assert np.allclose(cells @ matrix[:, :2].T + matrix[:, 2], moved / factor - offset, rtol=1e-9, atol=1e-6)


@given(
    maps(2), st.tuples(st.integers(1, 20), st.integers(1, 20)), st.tuples(st.integers(1, 20), st.integers(1, 20)), seeds
)
def test_known_cells_are_those_whose_source_lies_inside(two, source, size, seed):
    heatmaps = torch.rand((2, 3, source[1], source[0]), generator=torch.Generator().manual_seed(seed))
    warped, valid = geometry.warp_heatmaps(heatmaps, two, size)
    assert warped.shape == (2, 3, size[1], size[0]) and valid.shape == (2, 1, size[1], size[0])
    assert torch.isfinite(warped).all() and not warped[~valid.expand_as(warped)].any()
    rows, columns = np.mgrid[: size[1], : size[0]]
    for matrix, known in zip(geometry.invert(two), valid[:, 0].numpy()):
        x, y = np.moveaxis(np.stack([columns, rows], -1) @ matrix[:, :2].T + matrix[:, 2], -1, 0)
        slack = 1e-2 + 1e-5 * np.abs(matrix).max()  # float32 of large shifts.
        inside = [
            (x > -slack + more)
            & (x < source[0] - 1 + slack - more)
            & (y > -slack + more)
            & (y < source[1] - 1 + slack - more)
            for more in (0, 2 * slack)
        ]
        assert (known <= inside[0]).all() and (known >= inside[1]).all()


@given(st.integers(-5, 5), st.integers(-5, 5), st.booleans(), seeds)
def test_whole_cells_and_mirrors_are_moved_exactly(right, down, flip, seed):
    heatmaps = torch.rand((1, 2, 9, 7), generator=torch.Generator().manual_seed(seed))
    matrix = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
    if flip:
        matrix = geometry.compose(matrix, geometry.mirror(7))
    warped, valid = geometry.warp_heatmaps(heatmaps, matrix[None], (7, 9))
    source = heatmaps.flip(-1) if flip else heatmaps
    for y in range(9):
        for x in range(7):
            inside = 0 <= x - right < 7 and 0 <= y - down < 9
            assert valid[0, 0, y, x] == inside
            if inside:
                assert torch.allclose(warped[..., y, x], source[..., y - down, x - right], atol=1e-4)


@given(people(), sides, st.booleans(), st.booleans(), seeds)
def test_both_views_show_the_box_undistorted(person, size, use_udp, independent, seed):
    results = views_of(person, size, use_udp, seed, independent=independent)
    easy, hard = results['easy'], results['hard']
    middle = (np.array(size) - 1) / 2 if use_udp else np.array(size) / 2
    for view in (easy, hard):
        assert view['img'].shape == (size[1], size[0], 3) and view['img_shape'] == (size[1], size[0])
        matrix = view['view_matrix']
        assert np.allclose(matrix[:, :2] @ results['center'] + matrix[:, 2], middle, atol=1e-2 * max(1, matrix.max()))
        assert (np.linalg.det(matrix[:, :2]) < 0) == view['flip'] == (view['flip_direction'] == 'horizontal')
    turn = geometry.without_scale(geometry.compose(hard['view_matrix'], geometry.invert(easy['view_matrix'])))
    # Stock UDP's pixels are a little wider than high, or the other way round: as (w - 1) / w to (h - 1) / h.
    skew = abs((1 - 1 / size[0]) / (1 - 1 / size[1]) - 1) if use_udp else 0
    assert np.allclose(turn @ turn.T, np.eye(2), atol=1e-4 + 3 * skew), 'a rotation, no shear'
    if not independent:
        assert easy['flip'] == hard['flip'], 'by the default law'


@given(people(), sides, seeds, seeds)
def test_views_depend_on_the_random_state_alone(person, size, seed, other):
    assume(seed != other)
    first, again, another = [views_of(person, size, False, each) for each in (seed, seed, other)]
    for name in ('easy', 'hard'):
        assert (first[name]['view_matrix'] == again[name]['view_matrix']).all()
        assert (first[name]['img'] == again[name]['img']).all()
    assert any((first[name]['view_matrix'] != another[name]['view_matrix']).any() for name in ('easy', 'hard'))
    more = views_of(person, size, False, seed, easy_views=3)
    for name in ('easy', 'hard'):  # Further views are drawn after these two.
        assert (first[name]['view_matrix'] == more[name]['view_matrix']).all()
    assert (more['easy2']['view_matrix'] != more['easy3']['view_matrix']).any()


@given(people(), sides, st.booleans(), seeds, arrays.arrays(float, (3, 2), elements=st.floats(-300, 600)))
def test_points_travel_as_the_original_ones_would(person, size, use_udp, seed, original):
    results = views_of(person, size, use_udp, seed, independent=True)

    def shown(view) -> np.ndarray:
        moved = original @ view['view_matrix'][:, :2].T + view['view_matrix'][:, 2]
        return moved[FLIPS] if view['flip'] else moved

    samples = [SimpleNamespace(metainfo=dict(results[name], flip_indices=FLIPS)) for name in ('easy', 'hard')]
    moved = ViewPair([samples[0]], [samples[1]]).move_points(torch.from_numpy(shown(results['easy']))[None])[0].numpy()
    wanted = shown(results['hard'])
    assert np.allclose(moved, wanted, rtol=1e-6, atol=1e-6 * np.abs(results['hard']['view_matrix']).max() * 1e3)


@given(seeds, st.integers(1, 4), st.integers(0, 8), st.sampled_from([(64, 48), (17, 33), (8, 8)]), st.integers(1, 9))
def test_cutout_covers_boxes_and_nothing_else(seed, people, joints, shape, count):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand((people, 3, *shape), generator=generator) + 1
    centres = torch.rand((people, joints, 2), generator=generator) * 3 * max(shape) - max(shape)
    untouched = images.clone()
    covered = JointCutout(joints=count)(images, centres)
    assert torch.equal(images, untouched) and covered.shape == images.shape
    changed = covered != images
    assert not covered[changed].any(), 'with the mean colour'
    assert (changed.all(dim=1) == changed.any(dim=1)).all(), 'in all channels'
    side = 2 * 20 * (shape[0] * shape[1] / (192 * 256)) ** 0.5 + 1
    assert (changed[:, 0].sum(dim=(1, 2)) <= min(count, joints) * side**2).all()


@given(seeds, st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.floats(0, 1))
def test_the_pseudo_loss_counts_known_cells_alone(seed, people, joints, height, width, share):
    generator = torch.Generator().manual_seed(seed)
    predicted, target, garbage = [torch.rand((people, joints, height, width), generator=generator) for _ in range(3)]
    valid = torch.rand((people, 1, height, width), generator=generator) < share
    loss = PseudoHeatmapLoss()
    value = loss(predicted, target, valid)
    assert value >= 0 and torch.isfinite(value)
    elsewhere = [torch.where(valid, values, other) for values, other in ((predicted, garbage), (target, 7 * garbage))]
    assert torch.equal(value, loss(*elsewhere, valid))
    assert loss(target, target, valid) == 0
    assert (value > 0) == bool(valid.any())
