# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""The loading of unlabelled instances against the stock pipeline's, and how an index grows."""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from typing import Dict, List

from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS

from mmpose_dualteach.datasets import LabeledUnlabeledSampler, UnlabeledPoseDataset
from mmpose_dualteach.dev.benchmark.speed.drawn_data import write_index
from mmpose_dualteach.dev.benchmark.speed.step import STOCK, compare
from mmpose_dualteach.dev.memory import private_memory, resident_memory
from mmpose_dualteach.switch import mutual_teaching
from mmpose_dualteach.utils.mmpose_files import read_stock_config

COUNT = 64  # Instances that a measurement loads.


def pair_over_stock_rate(ann_file: str, folder: str, rounds: int) -> Dict[str, float]:
    """Instances a second of one worker for the pair of views, over those of the stock pipeline with its one view.

    Args:
        ann_file (str): Of :func:`draw_images`.
        folder (str): Its folder.
        rounds (int): How often to measure.

    Returns:
        Dict[str, float]: ``ratio``, and the rates of both.
    """
    stock = read_stock_config(STOCK)
    source = dict(data_root='', ann_file=ann_file, data_prefix=dict(img=folder))
    joined = mutual_teaching(stock, labeled=source, unlabeled=source)['train_dataloader']['dataset']
    labeled, unlabeled = DATASETS.build(joined['labeled']), DATASETS.build(joined['unlabeled'])

    def load(dataset) -> float:
        begin = time.perf_counter()
        for index in range(COUNT):
            dataset[index % len(dataset)]
        return time.perf_counter() - begin

    found = compare(lambda: load(labeled), lambda: load(unlabeled), rounds)
    return dict(ratio=found['ratio'], stock_per_s=COUNT / found['one'], pair_per_s=COUNT / found['other'])


def growth(counts: List[int]) -> List[Dict[str, float]]:
    """Start-up time and memory with ever more unlabelled instances, each count in a process of its own.

    Args:
        counts (List[int]): How many instances.

    Returns:
        List[Dict[str, float]]: ``instances``, ``startup_s``, ``bytes_per_instance`` that stay resident after start-up,
        and ``worker_bytes_per_instance``, what each loader's worker adds by touching the index.
    """
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            ann_file = write_index(folder, count)
            command = [sys.executable, '-W', 'ignore', '-m', __name__, ann_file, str(count)]
            printed = subprocess.check_output(command, text=True).strip().splitlines()[-1]
            results.append(json.loads(printed))
    return results


class _Joined:
    """What the sampler asks of a joined set."""

    def __init__(self, instances: UnlabeledPoseDataset) -> None:
        self.num_labeled, self.num_unlabeled = 1000, len(instances)
        self.image_of_each = instances.data_list.image_of_each


def _grow(ann_file: str, count: int) -> Dict[str, float]:
    init_default_scope('mmpose')
    with tempfile.TemporaryDirectory() as folder:
        _start(write_index(folder, 100))  # What is imported on first use is not the index's.
    before, begin = resident_memory(), time.perf_counter()
    dataset, order = _start(ann_file)
    startup = time.perf_counter() - begin
    resident = resident_memory() - before
    receive, send = get_context('fork').Pipe(duplex=False)  # As a loader starts its workers on Linux.
    worker = get_context('fork').Process(target=_work, args=(dataset, list(itertools.islice(order, 50000)), send))
    worker.start()
    touched = receive.recv()
    worker.join()
    return dict(
        instances=count,
        startup_s=startup,
        bytes_per_instance=resident / count,
        worker_bytes_per_instance=touched / count,
    )


def _work(dataset: UnlabeledPoseDataset, instances: List[int], send) -> None:
    """Look instances up, and tell how much memory has become this worker's own by it."""
    dataset[instances[0]]
    before = private_memory()
    for instance in instances:
        dataset[instance]
    send.send(max(0, private_memory() - before))


def _start(ann_file: str):
    dataset = UnlabeledPoseDataset(ann_file=ann_file, pipeline=[])
    sampler = LabeledUnlabeledSampler(_Joined(dataset), labeled=32, unlabeled=32, seed=0)
    order = iter(sampler)
    next(order)
    return dataset, (index - 1000 for index in order if index >= 1000)


if __name__ == '__main__':
    print(json.dumps(_grow(sys.argv[1], int(sys.argv[2]))))
