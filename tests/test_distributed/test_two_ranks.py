# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two processes over gloo on the CPU, started by torchrun."""

import json
import math
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT, small_config, switch, tool

pseudo_label = tool('pseudo_label')
RANKS = Path(__file__).parent / 'ranks.py'
ON_CPUS = dict(os.environ, OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore', CUDA_VISIBLE_DEVICES='')


def torchrun(folder, *script) -> subprocess.CompletedProcess:
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    command += [str(each) for each in script]
    environment = dict(ON_CPUS, PYTHONPATH=str(ROOT))
    return subprocess.run(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


@pytest.fixture(scope='module')
def done(people, crowd, tmp_path_factory) -> dict:
    """The folder of each job. They are done in a row by the same two processes, which take long to start."""
    data = dict(steps=people, run=people, supervised=people, skip=people, instances=crowd)
    folders = {job: tmp_path_factory.mktemp(job) for job in data}
    jobs = [each for job, folder in folders.items() for each in (job, folder, data[job])]
    ended = torchrun(tmp_path_factory.mktemp('ranks'), RANKS, *jobs)
    assert ended.returncode == 0, ended.stdout[-4000:]
    return folders


def records(folder) -> list:
    """What the ranks have seen."""
    return [json.loads((folder / f'rank{rank}.json').read_text()) for rank in range(2)]


@pytest.mark.parametrize('variant', ['frozen', 'synced', 'accumulated', 'clipped', 'compiled', 'bfloat16'])
def test_two_ranks_step_like_one_process_with_the_joined_batch(done, variant):
    steps = json.loads((done['steps'] / 'steps.json').read_text())
    tolerance = dict(bfloat16=0.02, synced=1e-3).get(variant, 1e-4)  # Sums over ranks are in another order.
    assert steps[variant]['moved'] > 1e-3 and steps[variant]['differ'] < tolerance * steps[variant]['moved']


def test_a_run_of_two_ranks(done):
    folder = done['run']
    first, second = records(folder)
    assert first['weights'] == second['weights'] and first['iterations'] == second['iterations'] == 4
    assert first['means'] == second['means'] and first['means'], (
        'by the SyncBuffersHook of the stock config, of every network'
    )
    drawn = [{path for batch in record['drawn'] for path in batch} for record in (first, second)]
    assert len(drawn[0]) == len(drawn[1]) == 12 and not drawn[0] & drawn[1], 'all 24, and none twice'
    assert (folder / 'work0' / 'epoch_1.pth').exists() and (folder / 'work0' / 'student_last.pth').exists()
    written = [path for path in (folder / 'work1').rglob('*') if path.is_file() and path.suffix != '.log']
    assert not written, 'mmengine keeps a log of each rank; all else is of the first'


@pytest.mark.parametrize('job, images, iterations', [('supervised', 8, 4), ('instances', 10, 2)])
def test_other_runs_of_two_ranks(job, images, iterations, done):
    first, second = records(done[job])
    assert first['weights'] == second['weights'] and first['iterations'] == second['iterations'] == iterations
    assert first['drawn'][0] != second['drawn'][0]
    assert len({path for record in (first, second) for batch in record['drawn'] for path in batch}) == images


def test_a_lesson_that_is_not_finite_on_one_rank_is_skipped_there(done):
    first, second = records(done['skip'])
    assert first['skipped'] == {'a': [0, 0], 'b': [0, 0]} and second['skipped'] == {'a': [0, 0], 'b': [1, 0]}
    assert first['weights'] == second['weights'] and first['iterations'] == second['iterations'] == 4
    assert math.isfinite(first['sum']) and math.isfinite(second['sum'])


def test_two_processes_label_what_one_does(people, run_files, tmp_path):
    options = [
        *run_files,
        '--unlabeled',
        people / 'val.json',
        '--unlabeled-images',
        people / 'images',
        '--workers',
        '0',
    ]
    options = [str(each) for each in options]
    assert pseudo_label([*options, '--device', 'cpu', '-o', str(tmp_path / 'one.json')]) == 0
    script = ROOT / 'tools' / 'pseudo_label.py'
    done = torchrun(tmp_path, script, *options, '--launcher', 'pytorch', '-o', tmp_path / 'two.json')
    assert done.returncode == 0, done.stdout[-4000:]
    assert (tmp_path / 'one.json').read_bytes() == (tmp_path / 'two.json').read_bytes()
    assert not list(tmp_path.glob('*.part'))


def test_the_script_trains_on_cpus_too(people, tmp_path):
    switch(small_config(str(people))).dump(tmp_path / 'config.py')
    done = subprocess.run(
        [
            'bash',
            str(ROOT / 'tools' / 'dist_train.sh'),
            'config.py',
            '2',
            '--work-dir',
            'work',
            '--cfg-options',
            'optim_wrapper.accumulative_counts=2',
        ],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        env=dict(
            ON_CPUS,
            PYTHONPATH=str(ROOT),
            PORT=str(free_port()),
            PATH=f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}',
        ),
    )
    assert done.returncode == 0, done.stdout[-4000:]
    checkpoint = torch.load(tmp_path / 'work' / 'epoch_1.pth')
    assert checkpoint['meta']['iter'] == 3 and (tmp_path / 'work' / 'student_best.pth').exists()


def test_a_rank_that_dies_ends_the_job_in_less_than_a_minute(people, tmp_path):
    begin = time.time()
    done = torchrun(tmp_path, RANKS, 'die', tmp_path, people)
    assert done.returncode != 0 and 'SIGKILL' in done.stdout, done.stdout[-4000:]
    assert not (tmp_path / 'rank0.json').exists() and time.time() - begin < 90, 'its start included'
