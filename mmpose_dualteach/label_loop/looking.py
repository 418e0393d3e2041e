# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Let networks look at every instance of a set, once, whatever interrupts it."""

import os
import os.path as osp
import sys
from logging import WARNING
from typing import Any, Dict, Iterable, List, Mapping, Optional

import numpy as np
from mmengine.config import Config
from mmengine.dist import barrier, get_dist_info
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.utils import ProgressBar, import_modules_from_strings
from torch.utils.data import DataLoader, Subset

from mmpose_dualteach.datasets.sources.load_report import MORE_BROKEN
from mmpose_dualteach.label_loop.instances import EveryInstance, files_of, labeled_file, pipeline_of_test
from mmpose_dualteach.label_loop.networks import Networks, Seen
from mmpose_dualteach.utils.file_io import dump_skipped, printable, refuse_to_overwrite
from mmpose_dualteach.utils.joint_boxes import box_of_joints
from mmpose_dualteach.utils.progress_file import Progress, digest

DECIMALS = 2  # Of pixels.
TOLD = 3  # Of the instances that cannot be used.


class Look:
    """What the networks of a checkpoint see on an unlabelled set, written down in ``OUTPUT.part`` as they go; instances
    that cannot be used are listed in ``OUTPUT.skipped.json``.

    Under a launcher of torch.distributed each process looks at its share, and the first one has it all.

    Args:
        config (Config): A switched config, or the stock one of an ordinary checkpoint.
        checkpoint (str): The checkpoint.
        unlabeled (Mapping): Config of the unlabelled set.
        output (str): The file that is to be made of it.
        network (str, optional): Who answers, see :class:`Networks`.
        device (str, optional): Defaults to a GPU if there is one.

    Attributes:
        networks (Networks): The networks.
        instances (EveryInstance): The set.

    Raises:
        FileNotFoundError: If the checkpoint or source is missing.
        ValueError: If the checkpoint is none of the config, or the output is a file that is read.
    """

    def __init__(
        self,
        config: Config,
        checkpoint: str,
        unlabeled: Mapping[str, Any],
        output: str,
        network: Optional[str] = None,
        device: Optional[str] = None,
    ) -> None:
        if config.get('custom_imports'):
            import_modules_from_strings(**config.custom_imports)
        init_default_scope('mmpose')
        self.networks = Networks(config, checkpoint, network, device)
        self.instances = EveryInstance(unlabeled, pipeline_of_test(config))
        listed = self.instances.unlabeled
        read = [config.filename, checkpoint, labeled_file(config), listed.ann_file, listed.bbox_file]
        # A new file is none of a million images.
        refuse_to_overwrite([output], [*read, *(files_of(listed) if osp.exists(output) else ())])
        rank, world = get_dist_info()
        self._share = range(rank, len(self.instances), world)
        self._output = output
        self._parts = [f'{output}.part' if world == 1 else f'{output}.{process}.part' for process in range(world)]
        weights = os.stat(checkpoint)
        self._made_by = dict(
            config=digest(config.pretty_text),
            checkpoint=[osp.abspath(checkpoint), weights.st_size, weights.st_mtime_ns],
            # Who allows for more broken images goes on with what was seen on the others.
            source=digest(str({key: unlabeled[key] for key in unlabeled if key not in ('pipeline', 'max_broken')})),
            instances=self.instances.unlabeled.data_list.checksum(),
            answers=self.networks.answers,
            processes=world,
        )

    def lines(self, batch: int = 32, workers: int = 2, features: bool = False) -> Optional[List[dict]]:
        """Look at all that has not been looked at, or could not be used.

        Args:
            batch (int): Instances at a time. Defaults to 32; images with several instances are taken one by one.
            workers (int): Processes that read images. Defaults to 2.
            features (bool): Whether to write down features as well. Defaults to False.

        Returns:
            List[dict], optional: Of each instance, in order: ``number``, its place in the set; ``size`` of its image
            and ``box``, see :class:`EveryInstance`; ``seen``, see :class:`Seen`, an entry an instance that a network
            finds by itself, one where boxes are given, each with a ``box``; and ``features``. Or else ``number`` and
            ``problem``. None in all processes but the first.

        Raises:
            ValueError: If what is written down is of another call, or more instances cannot be used than the set's
                ``max_broken``; what was seen stays written down.
        """
        made_by = dict(self._made_by, features=features)
        progress = Progress(self._parts[get_dist_info()[0]], made_by, key='number')
        todo = [number for number in self._share if 'seen' not in progress.done.get(number, ())]
        if todo:
            self._look(todo, progress, batch, workers, features)
        barrier()
        if get_dist_info()[0]:
            return None
        done = dict(progress.done)
        for part in self._parts[1:]:
            done.update(Progress(part, made_by, key='number').done)
        lines = [done[number] for number in range(len(self.instances))]
        self._tell_unusable([line['problem'] for line in lines if 'problem' in line])
        return lines

    def forget(self) -> None:
        """Remove what was written down, once something has been made of it."""
        for part in self._parts:
            os.remove(part)

    def _tell_unusable(self, problems: List[str]) -> None:
        dump_skipped(problems, self._output)
        if not problems:
            return
        some = '; '.join(printable(each, 300) for each in problems[:TOLD]) + ('; ...' if problems[TOLD:] else '')
        told = f'{len(problems)} of {len(self.instances)} instances cannot be used ({some})'
        most = self.instances.unlabeled.max_broken
        if len(problems) > most * len(self.instances):
            raise ValueError(
                f'{told}, more than max_broken={most}; mend the images, or {MORE_BROKEN}, '
                f'and call again: all are in {self._output}.skipped.json, what was seen is in {self._parts[0]}'
            )
        print_log(f'{told}, see {self._output}.skipped.json', logger='current', level=WARNING)

    def _look(self, todo: List[int], progress: Progress, batch: int, workers: int, features: bool) -> None:
        if len(todo) < len(self._share):
            print_log(f'{progress.path} has {len(self._share) - len(todo)} instances already', logger='current')
        loader: DataLoader = DataLoader(
            Subset(self.instances, todo),
            batch_size=1 if self.networks.finds_instances else batch,
            num_workers=workers,
            collate_fn=list,
        )
        bar = ProgressBar(len(todo), file=sys.stderr)
        for part in loader:
            lines = {each['number']: {key: each[key] for key in each if key != 'sample'} for each in part}
            usable = [each for each in part if 'sample' in each]
            for each, seen in zip(usable, self.networks.see([each['sample'] for each in usable]) if usable else ()):
                lines[each['number']]['seen'] = self._as_lists(seen, lines[each['number']])
                if features:
                    lines[each['number']]['features'] = seen.features.astype(float).round(4).tolist()
            progress.write(list(lines.values()))
            bar.update(len(part))
        print(file=sys.stderr)

    def _as_lists(self, seen: Seen, line: dict) -> List[Dict[str, Any]]:
        """What is seen, an entry an instance, as JSON has it."""
        return [
            dict(
                joints=joints.astype(float).round(DECIMALS).tolist(),
                scores=scores.astype(float).round(4).tolist(),
                certainty=round(float(certainty), 4),
                box=[round(float(each), DECIMALS) for each in self._box(joints, box, line)],
                apart=[round(float(each), DECIMALS) if each < float('inf') else None for each in apart],
            )
            for joints, scores, certainty, box, apart in zip(*seen[:5])
        ]

    def _box(self, joints: np.ndarray, box: np.ndarray, line: dict) -> Iterable[float]:
        """The box of an instance: the one that was looked at, or that a network tells, or about its joints."""
        if not self.networks.finds_instances:
            return line['box']
        return box if np.isfinite(box).all() else box_of_joints(joints, *line['size'])
