# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""All measurements, as a table and as JSON."""

import tempfile
from functools import partial
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmpose_dualteach.dev.benchmark.runs import commit, device_name
from mmpose_dualteach.dev.benchmark.speed.data import growth, pair_over_stock_rate
from mmpose_dualteach.dev.benchmark.speed.drawn_data import draw_images
from mmpose_dualteach.dev.benchmark.speed.encoding import encoding_seconds
from mmpose_dualteach.dev.benchmark.speed.step import (
    Setup,
    memory_over_floor,
    step_over_floor,
    synchronisations,
    time_over,
)
from mmpose_dualteach.dev.progress import tell
from mmpose_dualteach.methods import DEFAULT, find_method, method_names
from mmpose_dualteach.utils.file_io import dump_json

# Name: target, whether less is better, what it is.
TARGETS = {
    'step_over_floor': (1.05, True, 'step time over bare forward and backward passes'),
    'recipe_over_fp32': (0.5, True, "step time of the device's recipe over plain fp32"),
    'memory_over_floor': (1.05, True, 'peak memory over bare forward and backward passes'),
    'pair_over_stock_rate': (0.7, False, "instances a second of the pair of views over stock's one view"),
    'startup_s_1m': (20.0, True, 'seconds to start with a million unlabelled instances'),
    'bytes_per_instance_1m': (600.0, True, 'resident bytes an instance of a million'),
}
GPU_STEP_TARGET = 1.10
COUNTS = (1000, 30000, 1000000)
RECIPES: Dict[str, Dict[str, Any]] = dict(cpu=dict(autocast='auto', channels_last=True), cuda=dict(channels_last=True))
say = partial(tell, 'benchmark_speed', aside=True)


def measure(rounds: int) -> Dict[str, dict]:
    """Measure everything.

    Args:
        rounds (int): How often each comparison is made; its median counts.

    Returns:
        Dict[str, dict]: ``value`` and ``parts`` by name, see ``TARGETS``.
    """
    init_default_scope('mmpose')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    results: Dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        ann_file = draw_images(folder, 64)
        results.update(_steps(ann_file, folder, device, rounds))
        say('instances a second')
        rate = pair_over_stock_rate(ann_file, folder, rounds)
        results['pair_over_stock_rate'] = dict(value=rate.pop('ratio'), parts=rate)
    say('growth to a million instances')
    grown = growth(list(COUNTS))
    parts = {f'{each.pop("instances")}': each for each in grown}
    results['startup_s_1m'] = dict(
        value=grown[-1]['startup_s'], parts={count: each['startup_s'] for count, each in parts.items()}
    )
    results['bytes_per_instance_1m'] = dict(
        value=grown[-1]['bytes_per_instance'],
        parts=dict(
            {count: each['bytes_per_instance'] for count, each in parts.items()},
            worker=grown[-1]['worker_bytes_per_instance'],
        ),
    )
    return results


def _steps(ann_file: str, folder: str, device: str, rounds: int) -> Dict[str, dict]:
    depth, instances = (50, 32) if device == 'cuda' else (18, 8)
    plain = Setup(ann_file, folder, depth, instances, device)
    recipe = Setup(ann_file, folder, depth, instances, device, amp=device == 'cuda', **RECIPES[device])
    step, memory = {}, {}
    for name, setup in (('fp32', plain), ('recipe', recipe)):
        say(f'{name}: step and memory over the floor')
        memory[name] = memory_over_floor(setup)
        step[name] = step_over_floor(setup, rounds)
    say("recipe: a step that is looked at, as one in DualTeacherHook's interval is")
    recipe.model.watching = True
    watched = step_over_floor(recipe, 2)['ratio']
    recipe.model.watching = False
    say('recipe over fp32')
    faster = time_over(recipe, plain, rounds)
    times = {
        f'{name}, {which}': found[key]
        for name, found in step.items()
        for which, key in (('ratio', 'ratio'), ('step_s', 'one'), ('floor_s', 'other'))
    }
    waits = {f'synchronisations, {key}': n for key, n in synchronisations(plain).items()} if device == 'cuda' else {}
    return dict(
        step_over_floor=dict(
            value=max(found['ratio'] for found in step.values()), parts=dict(times, watched=watched, **waits)
        ),
        recipe_over_fp32=dict(value=faster['ratio'], parts=dict(recipe_s=faster['one'], fp32_s=faster['other'])),
        memory_over_floor=dict(
            value=max(found['ratio'] for found in memory.values()),
            parts={f'{name}, {key}': value for name, found in memory.items() for key, value in found.items()},
        ),
    )


def measure_methods(rounds: int) -> List[dict]:
    """Measure a step of every method against its own floor, in the device's recipe.

    Args:
        rounds (int): How often each comparison is made; its median counts.

    Returns:
        List[dict]: For each ``method``, ``passes`` of a network a step, ``step`` and ``memory`` over the floor's.
    """
    init_default_scope('mmpose')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    depth, instances = (50, 32) if device == 'cuda' else (18, 8)
    measured = []
    general = dict(adapter='KeypointAdapter')
    variants: List[Tuple[str, str, dict]] = [(name, name, {}) for name in method_names()]
    variants.append((f'{DEFAULT}, the general way', DEFAULT, general))
    with tempfile.TemporaryDirectory() as folder:
        ann_file = draw_images(folder, 64)
        for title, name, model in variants:
            say(title)
            options = dict(RECIPES[device], **model)
            setup = Setup(ann_file, folder, depth, instances, device, amp=device == 'cuda', method=name, **options)
            measured.append(
                dict(
                    method=title,
                    passes=find_method(name).passes,
                    memory=memory_over_floor(setup)['ratio'],
                    step=step_over_floor(setup, rounds)['ratio'],
                )
            )
    return measured


def rows(results: Dict[str, dict]) -> Iterator[Tuple[str, str, float, float, bool]]:
    """Name, what it is, value, target and whether it is met."""
    for name, (target, less, text) in TARGETS.items():
        target = GPU_STEP_TARGET if name == 'step_over_floor' and torch.cuda.is_available() else target
        value = results[name]['value']
        yield name, text, value, target, value <= target if less else value >= target


def as_table(results: Dict[str, dict]) -> str:
    """The table, in Markdown."""
    lines: List[str] = ['| | measured | target | |', '| --- | --- | --- | --- |']
    for name, text, value, target, met in rows(results):
        less = '≤' if TARGETS[name][1] else '≥'
        lines.append(f'| {text} | {value:.3g} | {less} {target:g} | {"" if met else "missed"} |')
    return '\n'.join(lines)


def compare_methods(path: Optional[str], rounds: int) -> None:
    """Measure every method's step, print and write."""
    results = measure_methods(rounds)
    device = device_name()
    print(f'{device}, commit {commit()}\n\n| method | passes a step | step over its floor | memory over its floor |')
    print('| --- | --- | --- | --- |')
    for each in results:
        print(f'| {each["method"]} | {each["passes"]} | {each["step"]:.3g} | {each["memory"]:.3g} |')
    encoding = encoding_seconds(rounds=rounds)
    print('\nlabels of a lesson in the general way, 32 instances x 133 joints:', end=' ')
    print(', '.join(f'{codec} {seconds:.3f} s' for codec, seconds in encoding.items()))
    if path:
        dump_json(dict(methods=results, encoding=encoding, device=device, commit=commit()), path, indent=1)


def measure_all(path: Optional[str], rounds: int) -> None:
    """Measure, print and write."""
    results = measure(rounds)
    device = device_name()
    print(f'{device}, commit {commit()}\n\n{as_table(results)}\n')
    for name, result in results.items():
        print(f'{name}: ' + ', '.join(f'{key} {value:.4g}' for key, value in result['parts'].items()))
    if path:
        dump_json(dict(results, device=device, commit=commit()), path, indent=1)
