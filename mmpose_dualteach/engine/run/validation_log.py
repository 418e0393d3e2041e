# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import json
import os
from contextlib import suppress
from typing import Dict, Optional

from mmpose_dualteach.utils.file_io import dump_json


class ValidationLog:
    """The scores of every finished validation, by what they depend on, in a file.

    Args:
        path (str): The file. Only the main process reads and writes it.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def clear(self) -> None:
        """Begin anew."""
        with suppress(FileNotFoundError):
            os.remove(self.path)

    def add(self, fingerprint: str, metrics: Dict[str, float]) -> None:
        """Add a validation's scores."""
        with suppress(TypeError, ValueError, OSError):  # No number, or a full disk: that validation is done again.
            scores = {key: float(value) for key, value in metrics.items()}
            dump_json({**self._read(), fingerprint: scores}, self.path)

    def scores(self, fingerprint: str) -> Optional[Dict[str, float]]:
        """The scores of a finished validation, or None."""
        return self._read().get(fingerprint)

    def _read(self) -> Dict[str, Dict[str, float]]:
        try:
            with open(self.path, encoding='utf-8') as file:
                content = json.load(file)
        except (OSError, ValueError):
            return {}
        usable = isinstance(content, dict) and all(
            isinstance(scores, dict) and all(isinstance(value, (int, float)) for value in scores.values())
            for scores in content.values()
        )
        return content if usable else {}
