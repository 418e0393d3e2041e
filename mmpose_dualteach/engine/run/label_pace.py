# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""How fast labels still teach, and how much lessons count beside that."""

from typing import Any, Dict, Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce

LABELED_LOSS = 'train/loss_labeled'
LOOK_BACK, MEAN_OF, AHEAD = 75, 25, 100  # Steps.


def note_labeled_loss(runner: Any, model: Any, outputs: Dict[str, Any]) -> None:
    """Keep a step's labelled loss with what is logged, which checkpoints have and a resumed run goes on from.

    Args:
        runner (Runner): The runner.
        model (MutualTeachingPoseEstimator): Its model, without a wrapper.
        outputs (Dict[str, Any]): Scalars of the step by name.
    """
    students = {lesson.student for lesson in model.lessons}
    parts = [float(value) for key, value in outputs.items() if _is_labeled_loss(key, students)]
    # Of all ranks, for which lessons are to count alike.
    device = next(model.parameters()).device
    total = torch.tensor(sum(parts), dtype=torch.float64 if device.type == 'cpu' else torch.float32, device=device)
    all_reduce(total, 'mean')
    runner.message_hub.update_scalar(LABELED_LOSS, float(total))


def share_of_lessons(runner: Any) -> float:
    """How much lessons count now, by the labelled losses so far. See :func:`share_left`."""
    losses = runner.message_hub.log_scalars.get(LABELED_LOSS)
    return 1.0 if losses is None else share_left(losses.data[0], runner.max_iters - runner.iter)


def share_left(losses: Sequence[float], remaining: int) -> float:
    """What labels would leave of their loss some steps ahead, if it went on falling as it did in the last 75.

    Near the end of a run a hundred steps ahead: where labels still teach fast then, the run is short, lessons, of which
    networks know next to nothing yet, would share their steps, and labels have no time to catch up. The more steps
    remain the less far ahead, half of it with a hundred to go and a tenth with nine hundred, so that lessons of a long
    run count in full but where labels teach fast at its end. Found on real animals (docs/results.md).

    Args:
        losses (Sequence[float]): Of all steps, the last one last.
        remaining (int): Steps of the run that are to come.

    Returns:
        float: 0 to 1. 1 of less than nine steps, and of losses that are not above 0, as log-likelihoods are.
    """
    known = np.asarray(losses[-LOOK_BACK:], dtype=np.float64)
    count = min(MEAN_OF, len(known) // 3)
    if count < 3:
        return 1.0
    before, now = known[:count].mean(), known[-count:].mean()
    if not (before > 0 and now > 0):
        return 1.0
    ahead = AHEAD * AHEAD / (AHEAD + remaining)
    return float(min(1.0, now / before) ** (ahead / (len(known) - count)))


def _is_labeled_loss(key: str, students: Any) -> bool:
    network, _, name = key.partition('/')
    return network in students and 'loss' in name and not name.startswith('loss_pseudo')
