# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Videos of a drawn mouse in an arena, seen from above, and a DeepLabCut project with a few labels.

Points are (x, y) in pixels, pixel centres at integers, y down; angles in radians from x towards y.
"""

import csv
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

import cv2
import numpy as np

from mmpose_dualteach.datasets.checks import read_json
from mmpose_dualteach.utils.file_io import dump_json

JOINTS = ('nose', 'ear_left', 'ear_right', 'body', 'tail_base', 'tail_tip')
SKELETON = (('nose', 'body'), ('ear_left', 'ear_right'), ('body', 'tail_base'), ('tail_base', 'tail_tip'))
SIZE = (320, 240)  # Width and height.
RATE = 25.0  # Frames a second.
SECONDS = dict(day1=60, day2=40, day3=20)
PROJECTS = dict(day1=('project', 20), day3=('truth', 100))  # Of labels, so many.
# Bedding, fur, ears and tail as BGR, and how bright the light is: on other days another mouse is in another arena.
LOOKS = dict(
    day1=dict(bedding=(105, 130, 150), fur=(62, 68, 78), ears=(44, 48, 56), tail=(120, 125, 175), light=1.0),
    day2=dict(bedding=(150, 148, 140), fur=(96, 104, 116), ears=(76, 84, 98), tail=(140, 140, 180), light=0.7),
)
LOOKS['day3'] = LOOKS['day2']
SCORER = 'me'
SCALE = 2  # Drawn so much larger, and reduced.


class Pose(NamedTuple):
    """The mouse in one frame.

    Attributes:
        joints (np.ndarray): (x, y) of each of ``JOINTS`` in shape (6, 2).
        heading (float): Of the head.
        turned (float): Of the body.
    """

    joints: np.ndarray
    heading: float
    turned: float


def draw_example(folder: Union[str, Path], seed: int = 0) -> Dict[str, int]:
    """Write ``videos/day1.mp4`` and ``day2.mp4``, on which another mouse is in another arena, and ``test/day3.mp4``, of
    that one again; ``project``, a DeepLabCut project with 20 labelled frames of the first; and ``truth``, one with 100
    of the last, for the test at the end.

    Args:
        folder (str | Path): Where to.
        seed (int): All is drawn from it. Defaults to 0.

    Returns:
        Dict[str, int]: Frames of each video.

    Raises:
        OSError: If a video cannot be written.
    """
    folder, counts = Path(folder), {}
    for name in SECONDS:
        poses, random = _day(name, seed)
        path = folder / ('test' if name == 'day3' else 'videos') / f'{name}.mp4'
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), RATE, SIZE)
        if not writer.isOpened():
            raise OSError(f'{path} cannot be written as a video; name a folder that can be written to')
        for frame in frames(poses, LOOKS[name], random):
            writer.write(frame)
        writer.release()
        counts[str(path.relative_to(folder))] = len(poses)
        if name in PROJECTS:
            project, labels = PROJECTS[name]
            chosen = np.linspace(0, len(poses) - 1, labels + 2).round().astype(int)[1:-1]
            write_project(folder / project, path, poses, chosen.tolist())
    return counts


def correct(suggested: Union[str, Path], output: Union[str, Path], seed: int = 0) -> int:
    """Label suggested frames, as an annotator would in a labelling tool.

    Args:
        suggested (str | Path): What ``tools/suggest_labels.py`` has written of ``videos``.
        output (str | Path): Where the labels go, COCO-style.
        seed (int): That of :func:`draw_example`.

    Returns:
        int: How many frames.

    Raises:
        ValueError: If a frame is of no video of :func:`draw_example`; names it.
    """
    content = read_json(str(suggested))
    joints = {}
    for image in content['images']:
        day, _, frame = image['file_name'].partition('.mp4/')
        number, poses = Path(frame).stem, _day(day, seed)[0] if day in SECONDS else []
        if not number.isdecimal() or int(number) >= len(poses):
            raise ValueError(f'{suggested}: {image["file_name"]} is no frame of the drawn videos')
        joints[image['id']] = poses[int(number)].joints
    for each in content['annotations']:
        rows = [(*point, 2) for point in joints[each['image_id']].round(2).tolist()]
        each.update(keypoints=[number for row in rows for number in row], num_keypoints=len(rows))
        each.pop('keypoint_scores', None)
    dump_json(content, str(output))
    return len(joints)


def _day(name: str, seed: int) -> Tuple[List[Pose], np.random.Generator]:
    """A day's walk, and what all else of the day is drawn from."""
    random = np.random.default_rng((seed, list(SECONDS).index(name)))
    return walk(round(SECONDS[name] * RATE), random), random


def walk(count: int, random: np.random.Generator) -> List[Pose]:
    """A walk of so many frames: to one place after the other, with stops."""
    place, heading, turned, swing, speed = np.array([160.0, 120.0]), 0.0, 0.0, 0.0, 0.0
    goal, rest, poses = place, 0, []
    for number in range(count):
        if np.linalg.norm(goal - place) < 15:
            goal = random.uniform([50, 50], [SIZE[0] - 50, SIZE[1] - 50])
            rest = int(random.integers(0, 30))
        wanted = 0.0 if rest > 0 else 2.6
        rest -= 1
        speed += 0.15 * (wanted - speed)
        aim = np.arctan2(*(goal - place)[::-1]) if rest <= 0 else heading + random.normal(0, 0.15)
        heading += 0.18 * float(np.angle(np.exp(1j * (aim - heading))))
        turned += 0.12 * float(np.angle(np.exp(1j * (heading - turned))))
        place = np.clip(place + speed * _direction(turned), [40, 40], [SIZE[0] - 40, SIZE[1] - 40])
        swing = 0.9 * swing + random.normal(0, 0.08)
        poses.append(_pose(place, heading, turned, swing + 0.5 * np.sin(number / 9)))
    return poses


def _direction(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle)])


def _pose(body: np.ndarray, heading: float, turned: float, swing: float) -> Pose:
    head = body + 20 * _direction(turned)
    base = body - 22 * _direction(turned)
    left, right = heading - np.pi / 2, heading + np.pi / 2  # Seen from above, y down, left is where y falls.
    joints = [
        head + 13 * _direction(heading),
        head + 8 * _direction(left),
        head + 8 * _direction(right),
        body,
        base,
        base - 14 * _direction(turned + 0.5 * swing) - 14 * _direction(turned + 1.5 * swing),
    ]
    return Pose(np.array(joints), heading, turned)


def frames(poses: Sequence[Pose], look: Dict[str, Any], random: np.random.Generator) -> Iterator[np.ndarray]:
    """What the camera sees, in shape (240, 320, 3), BGR."""
    arena = _arena(look, random)
    for number, pose in enumerate(poses):
        picture = cv2.resize(_drawn(arena.copy(), pose, look), SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        light = look['light'] * (1 + 0.06 * np.sin(number / 60))
        yield np.clip(picture * light + random.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def _arena(look: Dict[str, Any], random: np.random.Generator) -> np.ndarray:
    """Bedding with chips, and a wall."""
    width, height = SIZE[0] * SCALE, SIZE[1] * SCALE
    coarse = cv2.resize(random.normal(0, 10, (24, 32, 1)), (width, height), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(np.array(look['bedding']) + coarse[..., None], 0, 255).astype(np.uint8)
    for _ in range(500):
        start = random.uniform(0, [width, height])
        end = start + random.uniform(4, 14) * _direction(random.uniform(0, 2 * np.pi))
        shade = np.clip(np.array(look['bedding']) + random.normal(-5, 30), 0, 255).tolist()
        cv2.line(picture, _at(start, 1), _at(end, 1), shade, int(random.integers(2, 6)), cv2.LINE_AA)
    cv2.rectangle(picture, (0, 0), (width - 1, height - 1), (60, 62, 66), 28)
    return picture


def _drawn(picture: np.ndarray, pose: Pose, look: Dict[str, Any]) -> np.ndarray:
    nose, ear_left, ear_right, body, base, tip = pose.joints
    middle = (base + tip) / 2 + (base - body) * 0.12
    tail = np.array([_at(point) for point in (base, middle, tip)])
    cv2.polylines(picture, [tail], False, look['tail'], 5, cv2.LINE_AA)
    head = (ear_left + ear_right) / 2
    for centre, axes, angle in ((body, (25, 13), pose.turned), (head, (14, 9), pose.heading)):
        size = (round(axes[0] * SCALE), round(axes[1] * SCALE))
        cv2.ellipse(picture, _at(centre), size, np.degrees(angle), 0, 360, look['fur'], -1, cv2.LINE_AA)
    for ear in (ear_left, ear_right):
        cv2.circle(picture, _at(ear), round(4.5 * SCALE), look['ears'], -1, cv2.LINE_AA)
    cv2.circle(picture, _at(nose), round(2 * SCALE), look['tail'], -1, cv2.LINE_AA)
    return picture


def _at(point: np.ndarray, scale: float = SCALE) -> Tuple[int, int]:
    """A point on the larger picture, whose pixels are parts of those of the frame."""
    x, y = (np.asarray(point) + 0.5) * scale - 0.5
    return round(float(x)), round(float(y))


def write_project(folder: Path, video: Path, poses: Sequence[Pose], chosen: Sequence[int]) -> None:
    """A DeepLabCut project with the labels of some frames of a video."""
    images = folder / 'labeled-data' / video.stem
    images.mkdir(parents=True, exist_ok=True)
    links = ''.join(f'- [{one}, {other}]\n' for one, other in SKELETON)
    (folder / 'config.yaml').write_text(f'Task: mouse\nscorer: {SCORER}\nskeleton:\n{links}', encoding='utf-8')
    reader = cv2.VideoCapture(str(video))
    with open(images / f'CollectedData_{SCORER}.csv', 'w', newline='', encoding='utf-8') as file:
        table = csv.writer(file)
        coords = [coord for _ in JOINTS for coord in 'xy']
        for name, row in (
            ('scorer', [SCORER] * len(coords)),
            ('bodyparts', [joint for joint in JOINTS for _ in 'xy']),
            ('coords', coords),
        ):
            table.writerow([name, '', '', *row])
        for number in chosen:
            reader.set(cv2.CAP_PROP_POS_FRAMES, number)
            frame = reader.read()[1]
            name = f'img{number:04}.png'
            cv2.imwrite(str(images / name), frame)
            table.writerow(['labeled-data', video.stem, name, *poses[number].joints.round(2).ravel().tolist()])
