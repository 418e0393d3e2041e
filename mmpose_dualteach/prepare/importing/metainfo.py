# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""A keypoint definition, as MMPose's datasets read it, from names of joints."""

import re
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

# Of MMPose's conversions: sigmas that are not known are alike; it is COCO's mean.
SIGMA = 0.08
COLOURS = dict(left=[0, 255, 0], right=[255, 128, 0], middle=[51, 153, 255])
LINK = [128, 128, 128]
# What tells the sides apart in a name, and where: words anywhere; letters alone (ear.l, L-ear), or behind that of fore,
# hind or rear (FL_paw, paw.hr); a small letter before a capital (lEar); capitals at a word's end (earL, pawFL, pawLH).
SMALL, CAPITAL = ('l', 'r'), ('L', 'R')
SIDES = [
    (['{}'], [('left', 'right'), ('Left', 'Right'), ('LEFT', 'RIGHT')]),
    ([r'(?<![A-Za-z]){}(?![A-Za-z])'], [SMALL, CAPITAL]),
    ([r'(?<=(?<![A-Za-z])[fhr]){}(?![A-Za-z])', r'(?<![A-Za-z]){}(?=[A-Z])'], [SMALL]),
    ([r'(?<=(?<![A-Za-z])[FHR]){}(?![A-Za-z])', r'(?<=[a-z0-9][FHR]){}(?![A-Za-z])'], [CAPITAL]),
    ([r'(?<=[a-z0-9]){}(?=[FHR]?(?![A-Za-z]))'], [CAPITAL]),
]
# Capitals at a word's beginning (Lear, FLpaw, LH_paw) do so only where both are there: Rump is of no side.
BEGINNINGS = [([r'(?<![A-Za-z]){}', r'(?<=(?<![A-Za-z])[FHR]){}'], [CAPITAL])]


class Side(NamedTuple):
    """The side of a joint.

    Attributes:
        name (str): ``'left'`` or ``'right'``.
        other (str): What the joint of the other side is called.
    """

    name: str
    other: str


def sides_of(joints: Sequence[str]) -> Dict[str, Side]:
    """The sides of joints that have a counterpart, by their names.

    Args:
        joints (Sequence[str]): Names, such as ``left_ear``, ``EarL``, ``L-ear``.
    """
    found = {name: side for name in joints for side in _sides(name, SIDES + BEGINNINGS) if side.other in joints}
    return {name: side for name, side in found.items() if side.other in found and found[side.other].other == name}


def swaps_of(joints: Sequence[str]) -> Dict[str, str]:
    """Which joint each becomes in a mirror, of those that have a counterpart, by their names."""
    return {name: side.other for name, side in sides_of(joints).items()}


def unpaired(joints: Sequence[str]) -> List[str]:
    """Joints of one side, by their names, that have no counterpart."""
    paired = sides_of(joints)
    return [name for name in joints if name not in paired and any(_sides(name, SIDES))]


def _sides(name: str, marks: Sequence[Tuple[Sequence[str], Sequence[Tuple[str, str]]]]) -> Iterator[Side]:
    """The sides that a name may tell, by marks: where they are, and what they are on either side."""
    for spots, pairs in marks:
        for spot in spots:
            for pair in pairs:
                for number, (one, other) in enumerate((pair, pair[::-1])):
                    if re.search(spot.format(one), name):
                        yield Side(('left', 'right')[number], re.sub(spot.format(one), other, name, count=1))


def metainfo_text(name: str, joints: Sequence[str], skeleton: Sequence[Tuple[str, str]], source: str) -> str:
    """A file for ``metainfo=dict(from_file=...)``.

    Args:
        name (str): Name of the dataset.
        joints (Sequence[str]): Names of the joints.
        skeleton (Sequence[Tuple[str, str]]): Joints that are joined.
        source (str): Where they are from, for the file's first line.
    """
    sides = sides_of(joints)
    lines = [f'# Keypoint definition of {source}.', 'dataset_info = dict(', f'    dataset_name={name!r},']
    lines.append('    keypoint_info={')
    for number, joint in enumerate(joints):
        side = sides.get(joint, Side('middle', ''))
        lines.append(
            f'        {number}: dict(id={number}, name={joint!r}, color={COLOURS[side.name]}, type="", '
            f'swap={side.other!r}),'
        )
    lines += ['    },', '    skeleton_info={']
    for number, link in enumerate(skeleton):
        lines.append(f'        {number}: dict(id={number}, link={tuple(link)!r}, color={LINK}),')
    lines += ['    },', f'    joint_weights=[1.0] * {len(joints)},', f'    sigmas=[{SIGMA}] * {len(joints)},', ')', '']
    return '\n'.join(lines)
