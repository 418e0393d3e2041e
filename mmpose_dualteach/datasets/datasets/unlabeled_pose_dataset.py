# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import gc
import os.path as osp
from contextlib import contextmanager
from logging import WARNING
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from mmdet.datasets.transforms import MultiBranch
from mmengine.dataset import BaseDataset
from mmengine.fileio import exists
from mmengine.logging import print_log
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import DATASETS

from mmpose_dualteach import compat
from mmpose_dualteach.datasets.checks import check_parsed, read_json, short
from mmpose_dualteach.datasets.sources.annotations import (
    entries,
    images_of_coco,
    instances_of_coco,
)
from mmpose_dualteach.datasets.sources.box_filter import BoxFilter
from mmpose_dualteach.datasets.sources.files import is_address
from mmpose_dualteach.datasets.sources.folders import by_name, folder_of, list_images
from mmpose_dualteach.datasets.sources.images import ImageReader, UnusableImage, refuse_outside
from mmpose_dualteach.datasets.sources.instance_index import InstanceIndex
from mmpose_dualteach.datasets.sources.load_report import MORE_BROKEN, LoadReport
from mmpose_dualteach.datasets.sources.mpii import instances_of_mpii, is_mpii
from mmpose_dualteach.datasets.sources.videos import (
    FLAGS,
    frame_selection,
    frames_in_words,
    is_frame,
    is_video_name,
    note_named,
)
from mmpose_dualteach.utils.branches import JOINT_WEIGHTS
from mmpose_dualteach.utils.file_io import printable

MOST_ATTEMPTS = 20
MAX_BROKEN = 0.1


@DATASETS.register_module()
class UnlabeledPoseDataset(compat.ParsedMetaDataset):
    """Instances without labels: an image path and a box each, never a keypoint.

    Where the instances come from:

    - ``ann_file``: a COCO-format file, or a file in MPII's own format where ``dataset_type`` is MPII's, used for its
      images and boxes only;
    - ``ann_file`` with ``bbox_file``: its images, with the boxes of a detection file in COCO's result format
      (``[{image_id, category_id, bbox, score}]``);
    - ``bbox_file`` alone: the images and video frames below ``data_root``/``data_prefix['img']``, which the detection
      file names by their path there (``'day 1/cat.jpg'``, ``'day 1/clip.mp4#frame=120'``) or, where file names are
      numbers as COCO's are, by that number;
    - neither: every image and video frame below ``data_root``/``data_prefix['img']``, which may also be one video file,
      each whole image one instance.

    **A frame of a video goes by the name** ``clip.mp4#frame=120``: the video's path below the folder, ``#frame=``, and
    the frame's number, counted from 0. That is its ``image_id`` in a detection file, and what ``tools/detect_boxes.py``
    writes there. Of a video whose frames a detection file names exactly those are used, whatever ``video`` says of
    which frames to take, and are written where ``video.folder`` is given.

    Boxes are read as ``dataset_type``, the labelled dataset's class, reads them: some stock datasets take them from
    ``center`` and ``scale``. Boxes that cannot be used are skipped, counted and named; images that do not load while
    training are replaced by another instance and reported through the sample's ``skipped`` metainfo. Nothing is ever
    downloaded, and nothing outside of the folder is opened.

    Args:
        dataset_type (str): The labelled dataset's class. Defaults to ``'CocoDataset'``.
        dataset_options (dict, optional): What that class wants to know besides, the ``subset`` of
            ``DeepFashionDataset`` for instance. Defaults to None.
        bbox_file (str, optional): Detection file. Defaults to None.
        bbox_thr (float): Least score of a detection. Defaults to 0.
        category (int | str | list | tuple, optional): Ids or names of the categories to take, see :class:`BoxFilter`.
            Defaults to None.
        min_area (float): Least area of a box in square pixels. Defaults to 0.
        whole_images (bool): Take every image of the annotation file once, as it is, whatever boxes the file has: for
            networks that find all instances of an image by themselves. Defaults to False.
        video (dict, optional): Arguments of :class:`FrameSelection`: which frames of videos that no box names. Defaults
            to two a second, without near-duplicates.
        max_broken (float): Largest share of boxes or images that may be unusable. Defaults to 0.1.
        allow_outside (bool): Whether absolute file names in an annotation file, and links that lead out of the folder,
            may be opened. Defaults to False.
        backend_args (dict, optional): Of mmengine's storage backend, for all that is read. Defaults to what the paths'
            prefixes say.
        **base: Arguments of :class:`mmengine.dataset.BaseDataset`: ``ann_file``, ``data_root``, ``data_prefix``,
            ``indices`` for instance.

    Raises:
        FileNotFoundError: If the annotation file, box file or folder is missing.
        ValueError: If none is left, more than ``max_broken`` cannot be used, or all boxes are of another kind than
            COCO's (left, top, width, height) in pixels.
    """

    def __init__(
        self,
        dataset_type: str = 'CocoDataset',
        dataset_options: Optional[dict] = None,
        bbox_file: Optional[str] = None,
        bbox_thr: float = 0.0,
        category: Any = None,
        min_area: float = 0.0,
        whole_images: bool = False,
        video: Optional[dict] = None,
        max_broken: float = MAX_BROKEN,
        allow_outside: bool = False,
        backend_args: Optional[dict] = None,
        metainfo: Optional[dict] = None,
        **base: Any,
    ) -> None:
        # Never loads anything itself: it knows the keypoints' definition and how this class reads a box.
        base.setdefault('data_prefix', dict(img=''))
        base['serialize_data'] = False  # Its index is in columns.
        stock = dict(type=dataset_type, lazy_init=True, data_prefix=base['data_prefix'], **(dataset_options or {}))
        self._reader = _reader(stock if metainfo is None else dict(stock, metainfo=metainfo))
        self.bbox_file = bbox_file
        if whole_images and bbox_file:
            raise ValueError(
                f'unlabelled set: whole_images=True leaves no use for boxes; leave out bbox_file={bbox_file!r}'
            )
        self.whole_images = whole_images
        self.boxes = BoxFilter(score=bbox_thr, area=min_area, category=category)
        self.frames = frame_selection(video)
        self._frame_options = [key for key in video or {} if key != 'folder']
        self.max_broken = max_broken
        self.allow_outside = allow_outside
        self.backend_args = backend_args
        self.load_report = LoadReport()
        self._images: Optional[ImageReader] = None
        super().__init__(metainfo=self._reader.metainfo, **base)
        # Whoever loads no images, to count instances for example, has a pipeline without this.
        if any(isinstance(transform, LoadImage) for transform in self.pipeline.transforms):
            self._images = self.image_reader()

    # ------------------------------------------------------------------ loading the list

    def load_data_list(self) -> InstanceIndex:
        """List the instances. See the class for the sources and errors."""
        self._must_exist(self.ann_file, 'annotation file', '--unlabeled')
        self._must_exist(self.bbox_file, 'box file', '--boxes')
        folder = self.data_prefix['img']
        what = 'video' if is_video_name(folder) else 'image folder'
        self._must_exist(folder, what, '--unlabeled', needed=not self.ann_file)
        with no_garbage_collection():
            instances = self._list_instances()
        self._report(len(instances))
        return instances

    def _list_instances(self) -> InstanceIndex:
        return self._of_file() if self.ann_file else self._of_folder()

    def _of_file(self) -> InstanceIndex:
        """Instances of an annotation file, or of a list of images with detections."""
        content = read_json(self.ann_file, self.backend_args)
        if is_mpii(content) and not self.bbox_file and not self.whole_images:
            return instances_of_mpii(
                content, self._reader, self.ann_file, self.data_prefix, self.load_report, self.allow_outside
            )
        if not isinstance(content, dict) or not isinstance(content.get('images'), list):
            raise ValueError(
                f"{self.ann_file} is no COCO-format annotation file, it has no 'images'; detections belong in bbox_file"
            )
        images = entries(content['images'], 'image', self.load_report, key='id')
        if self.whole_images:
            return images_of_coco(images, self.data_prefix['img'], self.load_report, self.allow_outside)
        if images and not content.get('annotations') and not self.bbox_file:
            raise ValueError(
                f'unlabelled set: {self.ann_file} lists {len(images)} images and no boxes; give boxes (bbox_file, '
                '--boxes), by tools/detect_boxes.py for instance, or the folder alone, of which each image is an '
                'instance'
            )
        categories = entries(content.get('categories'), 'category', LoadReport(), key='id')
        if self.bbox_file:
            return self._of_boxes(images, self._detections(), categories)
        return self._of_boxes(images, entries(content.get('annotations'), 'annotation', self.load_report), categories)

    def _of_folder(self) -> InstanceIndex:
        """Detections on the images of a folder, or its images."""
        detections = self._detections() if self.bbox_file else []
        named = [box.get('image_id') for box in detections] if self.bbox_file else None
        found = list_images(
            self.data_prefix['img'], self.frames, self.load_report, self.backend_args, named, self.allow_outside
        )
        if not self.bbox_file:
            # A whole image's box is known once it is decoded: WholeImageBox adds it.
            return InstanceIndex(list(found.values()), list(found))
        self._tell_ignored(found)
        images = [dict(id=name, file_name=name) for name in found]
        instances = self._of_boxes(images, by_name(detections, images), [], list(found.values()))
        if any(map(is_frame, found)):
            used = np.flatnonzero(np.bincount(instances.image_of_each))
            note_named(
                (instances.image_ids[image] for image in used), folder_of(self.data_prefix['img']), self.load_report
            )
        return instances

    def _detections(self) -> List[dict]:
        detections = read_json(str(self.bbox_file), self.backend_args)
        if not isinstance(detections, list):
            raise ValueError(
                f"{self.bbox_file} is no detection file in COCO's result format, a list of "
                '{image_id, category_id, bbox, score}; an annotation file belongs in ann_file'
            )
        return entries(detections, 'detection', self.load_report)

    def _of_boxes(
        self, images: List[dict], boxes: List[dict], categories: List[dict], paths: Optional[List[str]] = None
    ) -> InstanceIndex:
        source = self.bbox_file or self.ann_file
        return instances_of_coco(
            images,
            self.boxes.choose(boxes, categories, bool(self.bbox_file), source, self.load_report),
            self._reader,
            source,
            self.data_prefix['img'],
            self.load_report,
            self.allow_outside,
            paths,
            self.image_reader().size,
        )

    def _tell_ignored(self, names: Iterable[str]) -> None:
        """Say that boxes choose frames, where the config does too."""
        count = sum(map(is_frame, names))
        if count and self._frame_options:
            options = ', '.join(f'video.{key} ({FLAGS[key]})' for key in self._frame_options)
            print_log(
                f'{self.bbox_file}: its boxes name {count} frames of videos, which are used; ignored: {options}',
                logger='current',
                level=WARNING,
            )

    def _must_exist(self, path: Optional[str], what: str, flag: str, needed: bool = True) -> None:
        if not path:
            return
        if is_address(path):
            raise ValueError(f'unlabelled set: {what} {path} is an address; nothing is ever downloaded, fetch it first')
        if needed and not exists(path, self.backend_args):
            raise FileNotFoundError(
                f'unlabelled set: {what} {path} is missing; correct train_dataloader.dataset.unlabeled ({flag})'
            )

    def _report(self, usable: int) -> None:
        source = self.bbox_file or self.ann_file or self.data_prefix['img']
        broken, left_out = self.load_report.broken, self.load_report.left_out
        unit = 'images' if self.whole_images else 'boxes'
        count = sum(broken.values())
        examples = '; '.join(printable(reason, 300) for reason, _ in broken.most_common(3))
        others = ', '.join(f'{number} {printable(reason, 300)}' for reason, number in left_out.most_common(10))
        if usable == 0:
            told = [f'{count} skipped: {examples}'] if count else []
            told += [f'left out: {others}'] if others else []
            raise ValueError(
                f'unlabelled set is empty: {source} gives no usable instance'
                + (f' ({"; ".join(told)})' if told else '')
                + '; name a folder, videos or a file with images, and boxes within them'
            )
        if count > self.max_broken * (usable + count):
            raise ValueError(
                f'{source}: {count} of {usable + count} {unit} cannot be used ({examples}), more than '
                f'max_broken={self.max_broken}; correct the file, or {MORE_BROKEN}'
            )
        if count:
            print_log(
                f'{source}: skipped {count} of {usable + count} {unit}: {examples}', logger='current', level=WARNING
            )
        if others:
            print_log(f'{source}: left out {others}', logger='current')
        frames = frames_in_words(self.load_report)
        if frames:
            print_log(f'{source}: {frames}', logger='current')

    @property
    def without_boxes(self) -> bool:
        """bool: Whether each whole image is an instance."""
        return self.whole_images or not (self.ann_file or self.bbox_file)

    @property
    def image_paths(self) -> List[str]:
        """List[str]: Paths of the images that instances are on, each once."""
        self.full_init()
        index = self.data_list
        paths, used = list(index.paths), np.unique(index.image_of_each)
        return paths if len(used) == len(paths) else [paths[image] for image in used]

    # ------------------------------------------------------------------ loading one instance

    def image_reader(self) -> ImageReader:
        """ImageReader: One that reads as this dataset does."""
        loads = [transform for transform in self.pipeline.transforms if isinstance(transform, LoadImage)]
        folders = [folder_of(self.data_prefix['img'])] + ([self.frames.folder] if self.frames.folder else [])
        return ImageReader(
            loads[0] if loads else LoadImage(), None if self.allow_outside else folders, self.backend_args
        )

    def get_data_info(self, idx: int) -> dict:
        """One instance's path and box, and the joints' mirror images and weights. See
        :class:`mmengine.dataset.BaseDataset`."""
        joints = {key: self.own_metainfo[key] for key in ('flip_indices', JOINT_WEIGHTS)}
        return dict(super().get_data_info(idx), **joints)

    def __getitem__(self, idx: int) -> Any:
        if not self.is_initialized:
            self.full_init()
        skipped: List[Tuple[str, str]] = []
        for attempt in range(MOST_ATTEMPTS):
            info = self.get_data_info(idx)
            if self._images is not None:
                try:
                    info['img'] = self._images.read(info['img_path'], self.data_list.listed_size(idx))
                    refuse_outside(info.get('bbox'), info['img'])
                except UnusableImage as problem:
                    skipped.append((info['img_path'], str(problem)))
                    # Far away, since neighbours often share the image; the same in every run.
                    idx = int(np.random.default_rng((idx, attempt)).integers(len(self)))
                    continue
            sample = self._in_views(info)
            if skipped:
                sample['data_samples']['easy'].set_metainfo(dict(skipped=skipped))
            return sample
        raise ValueError(
            f'{MOST_ATTEMPTS} unlabelled images in a row cannot be used, the first: {skipped[0][0]} '
            f'{skipped[0][1]}; is the folder {osp.dirname(skipped[0][0])} still there, and that of these images? Where '
            'unlabeled.data_prefix is not given, it is that of the labelled ones'
        )

    def _in_views(self, info: dict) -> dict:
        problem: Optional[Exception] = None
        try:
            sample = self.pipeline(info)
        except (KeyError, AttributeError, TypeError) as error:
            # Of a transform that is the user's own; those of stock pipelines ask for nothing.
            sample, problem = None, error
        if sample is not None:
            return sample
        does = f'fails with {type(problem).__name__}: {problem}' if problem else 'gives nothing'
        if isinstance(problem, KeyError):
            does = f'reads {problem}'
        names = ', '.join(_names_of(self.pipeline.transforms))
        raise ValueError(
            f'a transform of the unlabelled pipeline ({names}) {does}. Does it need labels? What the '
            'pipelines of training and validation have in common is done to images without them too; let it do '
            'without, or give unlabeled.pipeline'
        ) from problem


def _reader(config: dict) -> BaseDataset:
    """A dataset of the labelled one's class, of which no file is read."""
    try:
        reader = DATASETS.build(config)
    except (TypeError, AssertionError, LookupError, AttributeError, OSError) as error:
        raise ValueError(
            f'unlabelled set: {config["type"]}, which is to say how boxes are read, cannot be made without a file of '
            f"its own ({short(str(error))}); give unlabeled.dataset_type='CocoDataset'"
        ) from error
    check_parsed(reader.metainfo, config['type'])
    return reader


def _names_of(transforms: Sequence[Any]) -> Iterator[str]:
    """The classes of transforms, those in branches too."""
    for transform in transforms:
        if isinstance(transform, MultiBranch):
            yield from dict.fromkeys(
                type(each).__name__ for branch in transform.branch_pipelines.values() for each in branch.transforms
            )
        else:
            yield type(transform).__name__


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep Python from looking for cycles, again and again, among the millions of small objects of a large file: half
    of the time of reading it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
