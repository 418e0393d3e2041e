# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os.path as osp
from types import MappingProxyType
from typing import Dict, Mapping, Optional

from mmengine.dist import all_gather_object, is_main_process
from mmengine.fileio import load

from mmpose_dualteach.datasets.sources.load_report import MORE_BROKEN, LoadReport
from mmpose_dualteach.utils.branches import EASY
from mmpose_dualteach.utils.file_io import dump_json, printable

EXAMPLES = 5
REPORT = 'skipped.json'


class SkippedInstances:
    """Which unlabelled instances could not be used, and why: told in the log, and all of them in ``skipped.json`` in
    the work directory.

    Args:
        load_report (LoadReport): What was found when the set was listed.
        most (float): Largest share of the instances drawn in a pass of the loader that may be unusable.
        before (Mapping[str, str]): What is in ``skipped.json`` already, of a run that goes on. Defaults to nothing.
    """

    def __init__(self, load_report: LoadReport, most: float, before: Mapping[str, str] = MappingProxyType({})) -> None:
        self._load_report = load_report
        self._most = most
        self._images = dict(before)
        self._new: Dict[str, str] = {}
        self._skipped = self._seen = self._iterations = 0

    def count(self, data_batch: Optional[dict]) -> None:
        """Count those of a batch."""
        self._iterations += 1
        for sample in data_batch['data_samples'].get(EASY, ()) if data_batch else ():
            if sample is None:
                continue
            skipped = sample.metainfo.get('skipped', ())
            self._new.update(skipped)
            self._skipped += len(skipped)
            self._seen += 1

    def report(self, runner) -> None:
        """Tell of what was counted since the last report, a pass of the loader or less; of all processes together.

        Args:
            runner (Runner): The runner, between two iterations.

        Raises:
            ValueError: If more could not be used than a pass may have; names the share.
        """
        passes, self._iterations = self._iterations / len(runner.train_dataloader), 0
        gathered = all_gather_object((self._new, self._skipped, self._seen))
        self._new, self._skipped, self._seen = {}, 0, 0
        new = {path: problem for images, _, _ in gathered for path, problem in images.items()}
        skipped, seen = [sum(counts) for counts in list(zip(*gathered))[1:]]
        self._images.update({printable(path): printable(problem) for path, problem in new.items()})
        if new:
            examples = '; '.join(f'{printable(path)} {problem}' for path, problem in sorted(new.items())[:EXAMPLES])
            more = f' and {len(new) - EXAMPLES} more' if len(new) > EXAMPLES else ''
            runner.logger.warning(
                f'until iteration {runner.iter}: {len(new)} unlabelled images could not be used and were '
                f'replaced: {examples}{more}; all are in {REPORT}'
            )
        if is_main_process() and (self._images or self._load_report.broken or self._load_report.left_out):
            dump_json(
                dict(
                    images=dict(sorted(self._images.items())),
                    boxes=self._load_report.broken,
                    left_out=self._load_report.left_out,
                ),
                osp.join(runner.work_dir, REPORT),
                indent=1,
            )
        # A run that ends or goes on amid a pass has drawn too few to say much of the others.
        drawn = max(1, seen + skipped)
        if skipped * min(1.0, passes) / drawn > self._most:
            raise ValueError(
                f'{skipped / drawn:.0%} of the last {drawn} unlabelled instances drawn, until iteration {runner.iter}, '
                f'could not be used, more than max_broken={self._most}; mend the images, or {MORE_BROKEN}'
            )


def skipped_before(work_dir: str) -> Dict[str, str]:
    """The images in a work directory's ``skipped.json``; none where there is no such file, or half of it."""
    try:
        return dict(load(osp.join(work_dir, REPORT))['images'])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
