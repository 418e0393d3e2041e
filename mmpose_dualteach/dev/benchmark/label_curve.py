# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What suggestions are worth: scores over the number of labels, for instances chosen in one way or another."""

import json
import os
import os.path as osp
from typing import Dict, Optional, Sequence

from mmengine.config import Config

from mmpose_dualteach.datasets.labeled_pipeline import innermost
from mmpose_dualteach.dev.benchmark.plan import Plan, Run
from mmpose_dualteach.dev.benchmark.report import as_markdown, score_table
from mmpose_dualteach.dev.benchmark.results import Results, collect
from mmpose_dualteach.dev.benchmark.run import say, stoppable, summarize
from mmpose_dualteach.dev.benchmark.runs import Runs
from mmpose_dualteach.label_loop.corrections import merge_labels
from mmpose_dualteach.label_loop.suggestions import suggest_labels
from mmpose_dualteach.methods import DEFAULT
from mmpose_dualteach.prepare.split import split_labels
from mmpose_dualteach.utils.file_io import dump_json
from mmpose_dualteach.utils.mmpose_files import last_checkpoint


class LabelCurve(Plan):
    """A plan whose methods are ways to choose labels: each begins with the same few, drawn at random, and adds as many
    in every round, chosen by the networks that the last round has trained.

    Args:
        path (str): A plan file, for its data, steps, seeds and metrics.
        folder (str): Where everything goes.
        by (Sequence[str]): Ways to choose, see :data:`STRATEGIES`.
        start (int): Labels to begin with.
        add (int): Labels that a round adds.
        rounds (int): How many rounds.
        seeds (Sequence[int], optional): Defaults to the plan's.
    """

    labels_in_words = 'Methods begin with the same labelled instances and choose the others.'

    def __init__(
        self,
        path: str,
        folder: str,
        by: Sequence[str],
        start: int,
        add: int,
        rounds: int,
        seeds: Optional[Sequence[int]] = None,
    ) -> None:
        super().__init__(path)
        self.name = f'{self.name}, labels one after the other'
        self.folder = osp.abspath(folder)
        self.methods = list(by)
        self._arguments = {name: dict(title=name, method=DEFAULT) for name in by}
        self.labels = [start + number * add for number in range(rounds + 1)]
        self.seeds = list(seeds or self.seeds)

    def config(self, run: Run) -> Config:
        """The whole config of a run."""
        config = super().config(run)
        chosen = dict(ann_file=osp.join(self.labels_of(run), 'labeled.json'), indices=None)
        config.merge_from_dict(dict(train_dataloader=dict(dataset=dict(labeled=chosen))))
        return config

    def labels_of(self, run: Run) -> str:
        """The folder with a run's labels; all begin with the same."""
        name = f'start_seed{run.seed}' if run.labels == self.labels[0] else run.name
        return osp.join(self.folder, 'labels', name)

    def before(self, run: Run) -> Run:
        """The run that chooses the labels of this one."""
        return Run(run.method, self.labels[self.labels.index(run.labels) - 1], run.seed)


class CurveRuns(Runs):
    """The runs of a curve, whose labels are not there before they are chosen."""

    plan: LabelCurve

    def _check_labels(self) -> None:
        """Nothing is there to be checked yet."""

    def choose_labels(self, run: Run) -> None:
        """Write the labelled file of a run, by the networks of the run before it."""
        folder = self.plan.labels_of(run)
        if osp.isfile(osp.join(folder, 'labeled.json')):
            return
        whole = _annotations_of(Config.fromfile(self.plan.stock))
        if run.labels == self.plan.labels[0]:
            split_labels(whole, run.labels, folder, seed=run.seed)
            return
        before = self.plan.before(run)
        checkpoint = last_checkpoint(self.work_dir(before))
        os.makedirs(folder, exist_ok=True)
        suggested = osp.join(folder, 'suggested.json')
        count = run.labels - before.labels
        config = self.plan.config(before)
        unlabeled = config.train_dataloader.dataset.unlabeled
        suggest_labels(config, checkpoint, unlabeled, count, suggested, run.method, seed=run.seed, workers=0)
        # Who labels knows the truth.
        dump_json(_truth_of(whole, suggested), osp.join(folder, 'truth.json'))
        merge_labels(
            osp.join(self.plan.labels_of(before), 'labeled.json'), osp.join(folder, 'truth.json'), folder, suggested
        )


def _annotations_of(stock: Config) -> str:
    dataset = innermost(stock.train_dataloader.dataset)
    return osp.join(dataset.get('data_root') or '', dataset['ann_file'])


def _truth_of(whole: str, suggested: str) -> dict:
    """A file with the labels of the instances that another file suggests."""
    with open(whole, encoding='utf-8') as file:
        content = json.load(file)
    with open(suggested, encoding='utf-8') as file:
        wanted = {each['id'] for each in json.load(file)['annotations']}
    chosen = [each for each in content['annotations'] if each['id'] in wanted]
    images = {each['image_id'] for each in chosen}
    return dict(content, images=[image for image in content['images'] if image['id'] in images], annotations=chosen)


def run_curve(plan: LabelCurve) -> Dict[str, str]:
    """Run what is not done yet; after each run write ``results.csv`` and ``report.html``.

    Args:
        plan (LabelCurve): The curve.

    Returns:
        Dict[str, str]: A table by metric, in Markdown.
    """
    runs = CurveRuns(plan, plan.folder, threads=1)
    with stoppable():
        for run in plan.runs():
            if runs.result(run) is not None:
                continue
            runs.choose_labels(run)
            first = Run(plan.methods[0], run.labels, run.seed)
            if run.labels == plan.labels[0] and run != first:
                os.symlink(runs.work_dir(first), runs.work_dir(run))  # All begin alike.
            else:
                runs.write_config(run)
                runs.run_one(run)
            say(f'{run.name} done')
            summarize(runs)
    results = Results(collect(runs))
    return {metric.key: as_markdown(score_table(plan, results, metric)) for metric in plan.metrics}
