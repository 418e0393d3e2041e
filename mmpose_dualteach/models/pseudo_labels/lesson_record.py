# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mmpose_dualteach.models.pseudo_labels.lessons import Lesson


@dataclass
class LessonRecord:
    """What happened in one lesson, kept for the pictures: every tensor detached, images normalised.

    Attributes:
        lesson (Lesson): Who taught whom.
        path (int): Which of the model's paths, from 0.
        adapter (OutputAdapter): Of what follows.
        easy, hard (Tensor): Input images in shape (N, C, H, W); ``hard`` with its occlusions.
        prediction (Any): What its teachers say together on ``easy``, a raw output.
        target (Target): The same, mapped to ``hard``.
        answer (Any): The student's raw output on ``hard``.
    """

    lesson: Lesson
    path: int
    adapter: Any

    easy: Tensor
    prediction: Any
    hard: Tensor
    target: Any
    answer: Any
