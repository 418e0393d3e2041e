# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import re
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Collection, Dict, Mapping, Optional, Tuple

from mmengine.hooks import CheckpointHook

# Where a run's message hub, and so a checkpoint, has the choice of the last validation.
SCORES = 'mutual_teaching_scores'
# Metrics of MMPose of which less is better, for runs without ``save_best``.
LESS_IS_BETTER = ('nme', 'epe', 'mpjpe', 'mrrpe', 'rmse', 'mse', 'mae', 'loss', 'error', 'dist', 'distance')
MORE_IS_BETTER = (
    *('ap', 'ar', 'map', 'mar', 'pck', 'pckh', 'tpck', 'auc', 'acc', 'accuracy', 'iou', 'oks'),
    *('precision', 'recall', 'f1', 'score'),
)


@dataclass(frozen=True)
class NetworkScores:
    """One validation by the score that decides.

    Attributes:
        indicator (str): That score's name in the log.
        score (str): Its stock name.
        less (bool): Whether less of it is better.
        decides (str): Whose score it is: a network's name, or ``'mean'``.
        answer (str): Whose scores have the stock names: a network's name, or ``'mean'``.
        values (Dict[str, float]): The same score of every network and the mean.
    """

    indicator: str
    score: str
    less: bool
    decides: str
    answer: str
    values: Dict[str, float]

    @classmethod
    def of_validation(cls, runner: Any, model: Any, metrics: Mapping[str, float]) -> Optional['NetworkScores']:
        """Read a validation's scores.

        Args:
            runner (Runner): The runner, whose ``save_best`` says which score decides; otherwise it is the first one.
            model (MutualTeachingPoseEstimator): Its model, without a wrapper.
            metrics (Mapping[str, float]): The scores of the validation.

        Returns:
            Optional[NetworkScores]: None where nothing was scored.
        """
        indicator, less = _indicator(runner, metrics)
        if indicator is None:
            return None
        answer, *others = model.answers
        # save_best may name the score of another than the one that answers: 'mean/coco/AP'.
        decides = next((name for name in others if indicator.startswith(f'{name}/')), answer)
        score = indicator[len(decides) + 1 :] if decides != answer else indicator
        keys = {answer: score, **{name: f'{name}/{score}' for name in others}}
        values = {}  # Of a user's loop one, or none: its scores may be anything.
        for name, key in keys.items():
            with suppress(KeyError, TypeError, ValueError):
                values[name] = float(metrics[key])
        return cls(indicator, score, less, decides, answer, values)

    def key_of(self, name: str, score: str) -> str:
        """By which key a score of a network, or of the mean, stands in the log."""
        return score if name == self.answer else f'{name}/{score}'

    def choice(self, names: Collection[str]) -> Optional[Dict[str, Any]]:
        """The best of some networks: ``indicator``, their scores as ``networks``, and the ``best`` one's name; None
        where none has a score that is a number, which that of a diverged one is not."""
        networks = {name: self.values[name] for name in names if isfinite(self.values.get(name, nan))}
        if not networks:
            return None
        best = (min if self.less else max)(networks, key=networks.__getitem__)
        return dict(indicator=self.indicator, networks=networks, best=best)

    def is_better(self, one: float, other: float) -> bool:
        """Whether one value is better than another."""
        return one < other if self.less else one > other


def scores_in_words(scores: Mapping[str, float]) -> str:
    """Scores by name, for a line of the log."""
    return ', '.join(f'{name} {value:.4f}' for name, value in scores.items())


def _indicator(runner: Any, metrics: Mapping[str, float]) -> Tuple[Optional[str], bool]:
    """The score that decides, the one of ``save_best`` if there is one, and whether less of it is better."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.save_best and hook.key_indicators[0] in metrics:
            return hook.key_indicators[0], hook.rules[0] == 'less'
    for key in metrics:
        return key, _says(key, LESS_IS_BETTER)
    return None, False


def is_guessed(runner: Any, indicator: str) -> bool:
    """Whether nothing says if less of a score is better: neither ``save_best`` nor its name."""
    named = any(isinstance(hook, CheckpointHook) and hook.save_best for hook in runner.hooks)
    return not named and not _says(indicator, LESS_IS_BETTER + MORE_IS_BETTER)


def _says(key: str, words: Tuple[str, ...]) -> bool:
    """Whether a metric's name, without its prefix, has one of these words."""
    said = re.split(r'[^a-z0-9]+', key.rpartition('/')[2].lower())
    return not set(words).isdisjoint(said + [word.rstrip('0123456789') for word in said])  # AP50 is an AP.
