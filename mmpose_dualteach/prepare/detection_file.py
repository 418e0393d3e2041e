# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What tools that look for boxes write, and say of it."""

from typing import Dict, List, Mapping

from mmpose_dualteach.datasets.sources.load_report import LoadReport
from mmpose_dualteach.utils.file_io import dump_json, dump_skipped


def write_detections(
    boxes: List[dict], output: str, images: int, problems: Mapping[str, str], load_report: LoadReport
) -> Dict[str, int]:
    """Write a detection file, and ``OUTPUT.skipped.json`` beside it where something could not be used.

    Args:
        boxes (List[dict]): ``{image_id, category_id, bbox, score}``, COCO's result format.
        output (str): The file.
        images (int): How many were looked at, those that cannot be used included.
        problems (Mapping[str, str]): What is wrong with images, by name.
        load_report (LoadReport): What was broken in the source.

    Returns:
        Dict[str, int]: Counts of ``images`` that were usable, ``boxes``, and ``unusable`` images and other things in
        the source.
    """
    dump_json(boxes, output)
    dump_skipped(dict(problems, **load_report.broken), output)
    unusable = len(problems) + sum(load_report.broken.values())
    return dict(images=images - len(problems), boxes=len(boxes), unusable=unusable)


def in_words(counts: Mapping[str, int], output: str) -> str:
    """What was written, in a line or two."""
    said = f'wrote {output}: {counts["boxes"]} boxes on {counts["images"]} images'
    if counts['unusable']:
        said += f'\n{counts["unusable"]} images or files could not be used, see {output}.skipped.json'
    return said
