# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from mmpose_dualteach import geometry
from mmpose_dualteach.models.adapters.base import ADAPTERS, Target
from mmpose_dualteach.models.adapters.found_instances import (
    DOUBT,
    Instances,
    as_arrays,
    as_rows,
    extents_of,
    hulls,
    in_same_places,
    mean_of_matched,
    mirrored_instances,
    moved_corners,
    seen_by_others,
    some_of,
)
from mmpose_dualteach.models.adapters.instance_labels import TaughtImage, in_stock_words, mask_of
from mmpose_dualteach.models.adapters.joints import blobs
from mmpose_dualteach.models.adapters.kinds import Refusal
from mmpose_dualteach.models.adapters.labels import LabelsAdapter, LabelTarget, check_joint_count, first_tensor
from mmpose_dualteach.models.utils.map_tensors import map_tensors
from mmpose_dualteach.models.view_pair import ViewPair
from mmpose_dualteach.utils.ancestors import class_of
from mmpose_dualteach.utils.config_dicts import class_name

CELL = 4  # Pixels of a cell of the map of what is known.
# Of COCO's boxes, what MMPose takes for the area of an instance that tells none.
AREA_OF_BOX = 0.53


@ADAPTERS.register_module()
class InstanceAdapter(LabelsAdapter):
    """The general way for images with several instances: networks find instances and joints at once.

    What a teacher's stock ``predict()`` finds on the easy view, by the config's own thresholds and NMS, becomes pseudo
    ground truth of the hard view. Where networks teach each other, scores are multiplied by how far they agree, see
    :meth:`checked`. Instances and joints with a score of ``instance_thr`` or more are taught. Of those with less, but
    more than a third of it, nothing is said: neither that they are there nor that they are not, as far as the head's
    loss takes a mask. The same is true of what the easy view did not show. An image without any instance
    to teach is left out of the student's pass. The loss is weighted by the mean score of the joints taught.

    Outputs are :data:`Instances`, padded to the largest number in an image. Of targets ``value`` are the joints (x, y)
    in input pixels of the hard view in shape (N, M * K, 2), ``valid`` are cells of :data:`CELL` pixels of which
    something is known.

    Args:
        head (dict): The head's config.
        input_size (Sequence[int]): Size of a view (width, height).
        labels (Sequence[dict]): What the labelled pipeline makes labels with: ``GenerateTarget`` and
            ``PackPoseInputs``.
        corners (bool): Whether labels have boxes as four corners in place of (left, top, right, bottom). Defaults to
            True.
        clip (bool): Whether labels have boxes clipped to the input. Defaults to False.
        mask (str, optional): What the loss takes for ``heatmap_mask``: what is ``'valid'`` or what is ``'invalid'``.
            Defaults to None, no mask.
        resized (bool): Whether the data preprocessor resizes batches. Defaults to False.
        instance_thr (float): Least score of an instance, and of a joint, that is taught. Defaults to 0.3.
        **options: Of :class:`LabelsAdapter`.

    Raises:
        ValueError: As :class:`LabelsAdapter`, or if ``instance_thr`` is out of range.
    """

    averages = False
    # What the labels' mask is where a kind knows, see ``mask``.
    own_mask: Optional[str] = None
    joint_by_joint = False

    def __init__(
        self,
        head: dict,
        input_size: Sequence[int] = (),
        labels: Sequence[dict] = (),
        corners: bool = True,
        clip: bool = False,
        mask: Optional[str] = None,
        resized: bool = False,
        instance_thr: float = 0.3,
        **options,
    ) -> None:
        super().__init__(head, input_size, labels, **options)
        if not 0 < instance_thr <= 1:
            raise ValueError(f'model.instance_thr={instance_thr} must be greater than 0 and at most 1')
        self.corners = corners
        self.clip = clip
        self.mask = self.own_mask or mask
        self.resized = resized
        self.instance_thr = self.ripe = instance_thr

    @classmethod
    def refusal(cls, head: dict) -> Optional[Refusal]:
        known = class_of(head, MODELS)
        return None if known else Refusal(f'model.head is {class_name(head)}, which is not registered')

    @classmethod
    def supports(cls) -> str:
        return 'any other head of a BottomupPoseEstimator'

    # ------------------------------------------------------------------ what teachers see

    def predicted(self, network: BasePoseEstimator, features: Any, size: Tuple[int, int]) -> Instances:
        some = first_tensor(features)
        width, height = size
        meta = dict(input_size=size, img_shape=(height, width), batch_input_shape=(height, width), flip=False)
        samples = [PoseDataSample(metainfo=dict(meta)) for _ in range(len(some))]
        test_cfg = dict(network.test_cfg, flip_test=False, multiscale_test=False, output_heatmaps=False)
        # Decoders go on in numpy, which has no bfloat16.
        with torch.no_grad(), torch.autocast(some.device.type, enabled=False):
            found = self.decoded(network, map_tensors(features, Tensor.float), samples, test_cfg)
        scale = np.array(size, np.float32) / self.input_size if self.resized else np.ones(2, np.float32)
        least = self.instance_thr * DOUBT
        return as_rows([as_arrays(each, scale) for each in found], least, self.joint_count(network), some.device)

    def decoded(
        self, network: BasePoseEstimator, features: Any, samples: List[PoseDataSample], test_cfg: dict
    ) -> List[InstanceData]:
        """What a network finds on each image.

        Args:
            network (BasePoseEstimator): The network.
            features (Any): Its features, float32.
            samples (List[PoseDataSample]): A sample for each image, without labels.
            test_cfg (dict): The config's own, without augmentations.

        Returns:
            List[InstanceData]: With ``keypoints`` and, if they are told, ``keypoint_scores``, ``bbox_scores`` and
            ``bboxes``, in pixels of the images.
        """
        found = network.head.predict(features, samples, test_cfg=test_cfg)
        return found[0] if isinstance(found, tuple) else found

    def joint_count(self, network: BasePoseEstimator) -> int:
        """How many joints an instance has."""
        return int(network.head.num_keypoints)

    def joints(self, output: Instances) -> Tuple[Tensor, Tensor]:
        points, scores, _, _ = output
        return points, scores.clamp(0, 1)

    def scores(self, outputs: Mapping[Any, Instances]) -> Dict[Any, Tensor]:
        """How sure a network is of the surest instance of each image in shape (N,), 0 where it finds none."""
        return {key: certainty.amax(dim=1) for key, (_, _, certainty, _) in outputs.items()}

    def checked(self, outputs: Mapping[Any, Instances]) -> Dict[Any, Instances]:
        """Instances and joints count as much as the other networks see them there too: a network that knows little is
        sure of somebody all the same, but another one hardly of the same. With itself, before a mirror or as it was a
        while ago, a network would agree too easily."""
        checked = {}
        for one, output in outputs.items():
            name = getattr(one, 'network', one)
            others = [each for other, each in outputs.items() if getattr(other, 'network', other) != name]
            checked[one] = seen_by_others(output, others) if others else output
        return checked

    def mirrored(self, output: Instances, flip_indices: Tensor) -> Instances:
        return mirrored_instances(output, flip_indices, self.input_size[0])

    def from_view(self, output: Instances, views: ViewPair) -> Tuple[Instances, None]:
        points, scores, certainty, boxes = output
        upright = hulls(moved_corners(boxes, views).flatten(1, 2), 4)
        return (views.move_points(points), views.swap_sides(scores), certainty, upright), None

    def on_images(self, points: Tensor, images: Tensor) -> Tensor:
        if not self.resized:
            return points
        size = geometry.on_device([images.shape[-1], images.shape[-2]], points.device)
        return points * (size / geometry.on_device(self.input_size, points.device))

    def in_view(self, images: Tensor) -> Tensor:
        if not self.resized:
            return images
        return torch.nn.functional.interpolate(images, size=self.input_size[::-1], mode='bilinear')

    # ------------------------------------------------------------------ what several say together

    def aligned(self, outputs: Sequence[Instances]) -> List[Instances]:
        return in_same_places(outputs)

    def blended(self, outputs: Sequence[Instances], shares: Sequence[Tensor]) -> Instances:
        return mean_of_matched(outputs, shares)

    def distance(self, one: Instances, other: Instances) -> Tensor:
        apart = (one[0] - other[0]).norm(dim=-1)
        return _of_those_there(apart)

    # ------------------------------------------------------------------ lessons

    def target(self, output: Instances, weight: Optional[Tensor], views: ViewPair) -> LabelTarget:
        points, scores, certainty, boxes = output
        count = len(views.flip_indices)
        check_joint_count(points.shape[1] // certainty.shape[1], views)
        sure = (certainty >= self.instance_thr).repeat_interleave(count, dim=1) & (scores >= self.instance_thr)
        weight = (torch.ones_like(scores) if weight is None else weight.nan_to_num()) * sure
        extents = extents_of(points, boxes, count)
        known = self._known(extents.masked_fill(some_of(weight > 0, count)[..., None], float('nan')), views)
        in_doubt = (scores >= self.instance_thr * DOUBT) & ~(weight > 0)

        moved, weight, in_doubt = views.move_points(points), views.swap_sides(weight), views.swap_sides(in_doubt)
        weight = views.of_counterparts(weight)
        last = geometry.on_device(self.input_size, points.device) - 1
        inside = ((moved >= 0) & (moved <= last)).all(dim=-1)
        if not self.clip:
            # Stock pipelines then label joints beside the image as well, if one of the instance is on it.
            inside = some_of(inside & (weight > 0), count).repeat_interleave(count, dim=1)
        weight = weight * inside
        taught = weight > 0
        known &= taught.any(dim=1)[:, None, None, None]
        share = float(weight[taught].mean()) if taught.any() else 0.0
        target = LabelTarget(moved, known, weight, share=share)
        sides = extents[..., 2:] - extents[..., :2]
        (a, b), (c, d) = views.matrix[:, 0, :2].T, views.matrix[:, 1, :2].T
        growth = geometry.on_device(np.abs(a * d - b * c), points.device)
        areas = sides.prod(dim=-1) * AREA_OF_BOX * growth[:, None]
        joints = moved.unflatten(1, (-1, count)), taught.unflatten(1, (-1, count)), in_doubt.unflatten(1, (-1, count))
        rows = (*joints, moved_corners(extents, views), areas, known[:, 0])
        images = (TaughtImage(*each) for each in zip(*(each.cpu().numpy() for each in rows)))
        target.samples = [self.labelled(*each).to(points.device) for each in zip(views.hard_meta, images)]
        return target

    def move(self, output: Instances, views: ViewPair) -> LabelTarget:
        return self.target(output, None, views)

    def loss(self, network: BasePoseEstimator, output: Tensor, target: LabelTarget) -> Tensor:  # type: ignore[override]
        assert target.weight is not None
        keep = (target.weight > 0).any(dim=1)
        if keep.any() and not keep.all():  # An image without an instance would be taught to be empty.
            samples = [sample for sample, kept in zip(target.samples, keep.tolist()) if kept]
            output, target = output[keep], replace(target, samples=samples)
        return super().loss(network, output, target)

    def _known(self, doubtful: Tensor, views: ViewPair) -> Tensor:
        """Which cells of the hard view the easy view showed, and no instance in doubt, in shape (N, 1, h, w).

        Args:
            doubtful (Tensor): Boxes of instances in doubt in input pixels of the easy view in shape (N, M, 4), NaN for
                none.
            views (ViewPair): The map between the views.
        """
        width, height = (side // CELL for side in self.input_size)
        cells = geometry.cell_grid((width, height), doubtful.device) * CELL + (CELL - 1) / 2
        back = geometry.on_device(geometry.invert(views.matrix), doubtful.device)
        places = geometry.transform_points(cells.expand(len(doubtful), -1, -1), back)
        last = geometry.on_device(self.input_size, doubtful.device) - 1
        known = ((places >= 0) & (places <= last)).all(dim=-1)
        inside = (places[:, None] >= doubtful[:, :, None, :2]) & (places[:, None] <= doubtful[:, :, None, 2:])
        known &= ~inside.all(dim=-1).any(dim=1)  # Nothing lies in a box that is none.
        return known.reshape(len(doubtful), 1, height, width)

    def labelled(self, meta: dict, image: TaughtImage) -> PoseDataSample:
        """An image with labels, as the stock pipeline makes them, on the CPU.

        Args:
            meta (dict): What is known of the image's hard view.
            image (TaughtImage): What is taught of it.
        """
        scale = np.ones(2, np.float32)
        if self.resized:
            scale = np.array(meta['batch_input_shape'][::-1], np.float32) / np.array(self.input_size, np.float32)
        instances = in_stock_words(image, self.input_size, scale, self.corners, self.clip)
        results = dict(meta, img=np.zeros((1, 1, 3), np.uint8), **instances)
        for transform in self.labels:
            results = transform(results)
        sample = results['data_samples']
        self.tell_doubts(sample, image.doubtful[image.some])
        if self.mask:
            fields = sample.gt_fields if 'gt_fields' in sample else PixelData()
            size = meta['batch_input_shape'] if self.resized else self.input_size[::-1]
            shape = tuple(fields.heatmaps.shape) if 'heatmaps' in fields else (1, *size)
            mask = mask_of(image, self.input_size, shape, self.joint_by_joint)
            fields.set_field(torch.from_numpy(self.told(mask)), 'heatmap_mask')
            sample.gt_fields = fields
        return sample

    def tell_doubts(self, sample: PoseDataSample, doubts: np.ndarray) -> None:
        """Let labels say of which joints nothing is said, in shape (instances taught, K), if the loss knows a word."""

    def told(self, known: np.ndarray) -> np.ndarray:
        """What the loss is told of what is known in shape (C, h, w), bool."""
        return known if self.mask == 'valid' else ~known

    # ------------------------------------------------------------------ test time

    def predict(
        self, network: BasePoseEstimator, images: Any, samples: Sequence
    ) -> Tuple[List[InstanceData], Optional[List[InstanceData]]]:
        return super().predict(network, images, samples)[0], None

    def decode_mean(self, network: BasePoseEstimator, outputs: Sequence[Any]) -> List[InstanceData]:
        raise NotImplementedError('there is no mean of networks that find instances')

    # ------------------------------------------------------------------ looking

    def heat(self, output: Instances, size: Tuple[int, int]) -> Tensor:
        return _warmth(*self.joints(output), size)

    def target_joints(self, target: Target) -> Tuple[Tensor, Optional[Tensor]]:
        return target.value, target.weight

    def target_heat(self, target: Target, size: Tuple[int, int]) -> Tensor:
        return _warmth(*self.target_joints(target), size)

    def known(self, target: Target, size: Tuple[int, int]) -> Tensor:
        return torch.nn.functional.interpolate(target.valid.float(), size=size[::-1])[:, 0] > 0


def _warmth(joints: Tensor, scores: Optional[Tensor], size: Tuple[int, int]) -> Tensor:
    """Warm spots on joints that are there, image by image, since there may be hundreds."""
    heat = joints.new_zeros(len(joints), size[1], size[0])
    sureness = joints.new_ones(joints.shape[:2]) if scores is None else scores
    for place, (points, certain) in enumerate(zip(joints, sureness.nan_to_num())):
        there = certain > 0
        if there.any():
            heat[place] = blobs(points[there][None], certain[there][None], size)[0]
    return heat


def _of_those_there(values: Tensor) -> Tensor:
    """What is known, in shape (P,); a single 0 if nothing is."""
    there = values[values.isfinite()]
    return there if len(there) else values.new_zeros(1)
