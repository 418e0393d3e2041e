# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What is suggested to be labelled next: what networks disagree on, spread over the data."""

import json
import re

import cv2
import numpy as np
import pytest
from conftest import tool
from looks import stock_predictions

from mmpose_dualteach.label_loop.suggestions import STRATEGIES, choose

suggest_labels = tool('suggest_labels')


def clusters():
    """Three clusters of 12 in the plane; disagreement grows with the distance from the middle, and one more instance,
    far away from all, has the greatest."""
    random = np.random.default_rng(0)
    middles = np.array([[0, 0], [10, 0], [0, 10]])
    offsets = random.normal(size=(3, 12, 2))
    features = np.concatenate([(middles[:, None] + offsets).reshape(-1, 2), [[40, 40]]])
    disagreement = np.append(np.linalg.norm(offsets, axis=2).reshape(-1), 99.0)
    return features, disagreement


def test_spread_takes_the_middle_of_every_cluster():
    features, disagreement = clusters()
    chosen = choose(disagreement[:-1], features[:-1], range(36), 3, 'spread')
    assert sorted(place // 12 for place in chosen) == [0, 1, 2]
    for place in chosen:
        own = features[place // 12 * 12 : place // 12 * 12 + 12]
        away = np.linalg.norm(own - own.mean(axis=0), axis=1)
        assert place % 12 == away.argmin()
    assert (np.diff(disagreement[chosen]) <= 0).all()


def test_disagreement_alone_takes_the_greatest():
    features, disagreement = clusters()
    assert choose(disagreement, features, range(37), 4, 'disagreement') == np.argsort(-disagreement)[:4].tolist()


@pytest.mark.parametrize('by', STRATEGIES)
def test_one_of_a_group_and_the_same_every_time(by):
    features, disagreement = clusters()
    groups = [number // 4 for number in range(37)]
    chosen = choose(disagreement, features, groups, 8, by, seed=1)
    assert len({groups[place] for place in chosen}) == len(chosen) == 8
    assert choose(disagreement, features, groups, 8, by, seed=1) == chosen
    assert len(choose(disagreement, features, groups, 20, by)) == 10  # There are no more groups.


def test_what_is_written(run_files, people, tmp_path):
    output = tmp_path / 'next.json'
    options = [*run_files, '--count', '4', '-o', str(output), '--workers', '0', '--device', 'cpu']
    assert suggest_labels(options) == 0
    content = json.loads(output.read_text())
    source = {each['id']: each for each in json.loads((people / 'train.json').read_text())['annotations']}
    predicted = stock_predictions(run_files)
    # The first 8 instances lend their labels: they are not suggested again.
    labeled = {each['image_id'] for each in list(source.values())[:8]}
    told = []
    assert [each['suggestion']['rank'] for each in content['annotations']] == [1, 2, 3, 4]
    for each in content['annotations']:
        assert each['image_id'] not in labeled and each['bbox'] == source[each['id']]['bbox']
        one, other = (predicted[each['id']][name].keypoints[0] for name in 'ab')
        shares = np.linalg.norm(one - other, axis=1) / max(each['bbox'][2:])
        assert each['suggestion']['disagreement'] == pytest.approx(np.minimum(shares, 1).mean(), abs=0.02)
        told.append(each['suggestion']['disagreement'])
    assert told == sorted(told, reverse=True)
    names = {image['id']: image['file_name'] for image in content['images']}
    assert (tmp_path / 'next.json.txt').read_text().splitlines() == list(names.values()) and len(names) == 4
    page = (tmp_path / 'next.json.html').read_text()
    assert len(re.findall('<img ', page)) == 4 and all(f'{name}<' in page for name in names.values())


def test_no_two_frames_of_one_second(run_files, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 96))
    random = np.random.default_rng(0)
    for _ in range(30):
        writer.write(random.integers(0, 255, (96, 64, 3)).astype(np.uint8))
    writer.release()
    options = ['--unlabeled', str(tmp_path / 'clip.avi'), '--frame-every', '2', '--frame-change', '0']
    output = tmp_path / 'next.json'
    shared = [*run_files, *options, '--workers', '0', '--device', 'cpu', '-o', str(output), '--by', 'disagreement']
    assert suggest_labels([*shared, '--count', '3']) == 0
    frames = [int(name.split('=')[1]) for name in (tmp_path / 'next.json.txt').read_text().splitlines()]
    assert sorted(frame // 10 for frame in frames) == [0, 1, 2]
    assert suggest_labels([*shared, '--count', '4']) == 1
    (tmp_path / 'next.json.part').unlink()
    assert suggest_labels([*shared, '--count', '3', '--frames', f'{tmp_path}-frames']) == 0
    assert 'clip.avi/000000' in (tmp_path / 'next.json.html').read_text()


@pytest.mark.parametrize(
    'options, told', [(['--count', '0'], 'count=0'), (['--count', '99'], '99 instances were asked for')]
)
def test_what_cannot_be_suggested_is_said_in_one_line(run_files, options, told, tmp_path, capsys):
    shared = [*run_files, '--workers', '0', '--device', 'cpu', '-o', str(tmp_path / 'next.json')]
    assert suggest_labels([*shared, *options]) == 1
    assert told in capsys.readouterr().err.strip().splitlines()[-1] and not (tmp_path / 'next.json').exists()
