# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os.path as osp
from typing import Dict, Optional

from mmengine.dist import all_gather_object, is_main_process

from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.utils.branches import EASY
from mmpose_dualteach.utils.file_io import dump_json, printable

EXAMPLES = 5
REPORT = 'skipped.json'


class SkippedInstances:
    """Which unlabelled instances could not be used, and why: told in the log, and all of them in ``skipped.json`` in
    the work directory.

    Args:
        load_report (LoadReport): What was found when the set was listed.
        most (float): Largest share of the instances drawn in an epoch that may be unusable.
    """

    def __init__(self, load_report: LoadReport, most: float) -> None:
        self._load_report = load_report
        self._most = most
        self._images: Dict[str, str] = {}
        self._new: Dict[str, str] = {}
        self._skipped = self._seen = 0

    def count(self, data_batch: Optional[dict]) -> None:
        """Count those of a batch."""
        for sample in data_batch['data_samples'].get(EASY, ()) if data_batch else ():
            if sample is None:
                continue
            skipped = sample.metainfo.get('skipped', ())
            self._new.update(skipped)
            self._skipped += len(skipped)
            self._seen += 1

    def report(self, runner) -> None:
        """Tell of an epoch; of all processes together.

        Raises:
            ValueError: If too many could not be used; names the share.
        """
        gathered = all_gather_object((self._new, self._skipped, self._seen))
        self._new, self._skipped, self._seen = {}, 0, 0
        new = {path: problem for images, _, _ in gathered for path, problem in images.items()}
        skipped, seen = [sum(counts) for counts in list(zip(*gathered))[1:]]
        self._images.update(new)
        if new:
            examples = '; '.join(f'{printable(path)} {problem}' for path, problem in sorted(new.items())[:EXAMPLES])
            more = f' and {len(new) - EXAMPLES} more' if len(new) > EXAMPLES else ''
            runner.logger.warning(
                f'epoch {runner.epoch + 1}: {len(new)} unlabelled images could not be used and were '
                f'replaced: {examples}{more}; all are in {REPORT}'
            )
        if is_main_process() and (self._images or self._load_report.broken or self._load_report.left_out):
            images = {printable(path): printable(problem) for path, problem in sorted(self._images.items())}
            dump_json(
                dict(images=images, boxes=self._load_report.broken, left_out=self._load_report.left_out),
                osp.join(runner.work_dir, REPORT),
                indent=1,
            )
        share = skipped / max(1, seen + skipped)
        if share > self._most:
            raise ValueError(
                f'{share:.0%} of the unlabelled instances drawn in epoch {runner.epoch + 1} could not be '
                f'used, more than max_broken={self._most}; mend the images or raise unlabeled.max_broken'
            )
