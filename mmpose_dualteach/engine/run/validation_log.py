# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import hashlib
import json
import os
from contextlib import suppress
from typing import Any, Dict, Mapping, Optional

import torch

from mmpose_dualteach.utils.file_io import dump_json

VALIDATIONS = 'validations.json'
# Where a run's message hub, and so a checkpoint, has the iteration of the last validation.
VALIDATED = 'mutual_teaching_validated'


class ValidationLog:
    """The scores of every finished validation, by settings and weights, and the choice that they make between networks,
    in a file.

    Args:
        path (str): The file. Of a run's processes the main one alone reads and writes it.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def clear(self) -> None:
        """Begin anew."""
        with suppress(FileNotFoundError):
            os.remove(self.path)

    def add(self, settings: str, weights: str, metrics: Dict[str, float], choice: Optional[dict]) -> None:
        """Add a validation.

        Args:
            settings (str): Digest of what scores depend on beside the weights.
            weights (str): Digest of the weights, see :func:`weights_digest`.
            metrics (Dict[str, float]): The scores.
            choice (dict, optional): See :meth:`NetworkScores.choice`.
        """
        with suppress(TypeError, ValueError, OSError):  # No number, or a full disk: that validation is done again.
            scores = {key: float(value) for key, value in metrics.items()}
            others = {key: each for key, each in self._read().items() if key != f'{settings}/{weights}'}
            dump_json({**others, f'{settings}/{weights}': dict(scores=scores, choice=choice)}, self.path)

    def scores(self, settings: str, weights: str) -> Optional[Dict[str, float]]:
        """The scores of a finished validation, or None."""
        return self._read().get(f'{settings}/{weights}', {}).get('scores')

    def choice(self, weights: Mapping[str, Any]) -> Optional[dict]:
        """The choice of the last validation of some weights, or None."""
        there = self._read()
        digest = weights_digest(weights) if there else ''
        choices = [each.get('choice') for key, each in there.items() if key.endswith(f'/{digest}')]
        return choices[-1] if choices else None

    def _read(self) -> Dict[str, Dict[str, Any]]:
        try:
            with open(self.path, encoding='utf-8') as file:
                content = json.load(file)
        except (OSError, ValueError):
            return {}
        usable = isinstance(content, dict) and all(
            isinstance(each, dict) and _are_numbers(each.get('scores')) for each in content.values()
        )
        return content if usable else {}


def _are_numbers(scores: Any) -> bool:
    return isinstance(scores, dict) and all(isinstance(value, (int, float)) for value in scores.values())


def weights_digest(weights: Mapping[str, Any]) -> str:
    """A state dict as a short text."""
    digest = hashlib.blake2b(digest_size=16)
    for value in weights.values():
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
