# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What each of two processes does; torchrun starts them: ``ranks.py JOB FOLDER DATA``, or several in a row."""

import copy
import json
import math
import os
import signal
import sys
from pathlib import Path

import torch
from torch import distributed
from torch.distributed.nn.functional import all_reduce

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from conftest import run, small_config, switch  # noqa: E402
from crowds import crowd_config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.dist import get_rank, get_world_size  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.model import MMDistributedDataParallel  # noqa: E402
from mmengine.optim import build_optim_wrapper  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmpose.registry import DATASETS, HOOKS, MODELS  # noqa: E402

from mmpose_dualteach.switch import supervised  # noqa: E402
from mmpose_dualteach.utils.launch import leave_together  # noqa: E402
from mmpose_dualteach.utils.random_state import set_random_state  # noqa: E402

STEPS = 4


@MODELS.register_module()
class SyncedBN(torch.nn.BatchNorm2d):
    """Batch norm by the statistics of all processes, on CPUs, where torch's and mmcv's own do not run."""

    def forward(self, images):
        if not self.training:
            return super().forward(images)
        count = images.numel() / images.shape[1] * get_world_size()
        mean = all_reduce(images.sum(dim=(0, 2, 3))) / count
        square = all_reduce((images - mean[:, None, None]).square().sum(dim=(0, 2, 3))) / count
        if self.track_running_stats:
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(square * count / (count - 1), self.momentum)
        scale = self.weight / (square + self.eps).sqrt()
        return (images - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]


def frozen(model) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def batch_of(dataset, rows: list) -> dict:
    """The same people in the same views, whoever loads them: half labelled, half unlabelled."""
    samples = []
    for row in rows:
        set_random_state((row,))
        samples.append(dataset[row])
    return pseudo_collate(samples)


def steps(folder: Path, root: str) -> None:
    """Some steps of two ranks against the same steps of one process with the joined batch."""
    variants = dict(
        frozen=dict(),
        synced=dict(norm='SyncedBN'),
        accumulated=dict(optim=dict(accumulative_counts=2)),
        clipped=dict(optim=dict(clip_grad=dict(max_norm=0.01))),
        compiled=dict(model=dict(compile=dict(backend='eager'))),
        bfloat16=dict(model=dict(autocast='bfloat16', channels_last=True)),
    )
    worst = {}
    for name, options in variants.items():
        config = switch(small_config(root), model=options.get('model'))
        if 'norm' in options:
            config.model.backbone.norm_cfg = dict(type=options['norm'])
        dataset = DATASETS.build(config.train_dataloader.dataset)
        ends, before = [], {}
        for together in (False, True):
            torch.manual_seed(3)
            settings = copy.deepcopy(config.model)
            if together and 'norm' in options:  # One process needs no other's statistics.
                settings.backbone.norm_cfg = dict(type='BN')
            model = MODELS.build(settings)
            model.init_weights()
            before = {key: value.clone() for key, value in model.state_dict().items()}
            wrapped = model if together else MMDistributedDataParallel(model, broadcast_buffers=False)
            optim = build_optim_wrapper(model, dict(optimizer=dict(type='SGD', lr=0.5), **options.get('optim', {})))
            optim.initialize_count_status(model, 0, 100)
            for step in range(STEPS):
                wrapped.train()
                if 'norm' not in options:
                    frozen(model)
                ranks = range(get_world_size()) if together else [get_rank()]
                labeled = [4 * (step % 2) + 2 * rank + place for rank in ranks for place in range(2)]
                unlabeled = [dataset.num_labeled + 6 * step + 3 * rank + place for rank in ranks for place in range(3)]
                wrapped.train_step(batch_of(dataset, labeled + unlabeled), optim)
            ends.append({key: value.clone() for key, value in model.state_dict().items() if 'num_b' not in key})
        moved = max(float((value - before[key]).abs().max()) for key, value in ends[1].items())
        differ = max(float((value - ends[1][key]).abs().max()) for key, value in ends[0].items())
        worst[name] = dict(differ=differ, moved=moved)
    if get_rank() == 0:
        (folder / 'steps.json').write_text(json.dumps(worst))


@HOOKS.register_module()
class RecordHook(Hook):
    """Who was drawn, in a file of each rank; and a rank that dies, or meets a lesson without a finite loss."""

    def __init__(self, folder: str, fault: str) -> None:
        self.folder, self.fault, self.drawn = folder, fault, []

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        branches = data_batch['data_samples']
        samples = branches['easy' if 'easy' in branches else 'labeled']  # In a run on labels alone.
        self.drawn.append([sample.img_path for sample in samples if sample is not None])
        if get_rank() == 1 and runner.iter == 2 and self.fault == 'die':
            os.kill(os.getpid(), signal.SIGKILL)
        if get_rank() == 1 and runner.iter == 2 and self.fault == 'skip':
            seen = []  # Of network b's passes: labelled, easy, hard.
            self.handle = runner.model.module.networks['b'].backbone.register_forward_pre_hook(
                lambda module, images: seen.append(1) or ((images[0] * math.inf,) if len(seen) == 3 else None)
            )
        elif hasattr(self, 'handle'):
            self.handle.remove()

    def after_train(self, runner) -> None:
        state = runner.model.module.state_dict()
        weights = {key: value.tolist() for key, value in list(state.items())[:3]}
        record = dict(
            drawn=self.drawn,
            weights=weights,
            means={key: value.tolist() for key, value in state.items() if key.endswith('running_mean')},
            iterations=runner.iter,
            skipped=runner.model.module.guard.counts(),
            sum=sum(float(each.sum()) for each in state.values()),
        )
        (Path(self.folder) / f'rank{get_rank()}.json').write_text(json.dumps(record))


def whole_run(folder: Path, root: str, job: str) -> None:
    """A run of mmengine's Runner, each rank with a folder of its own to write to."""
    if job == 'instances':
        config = switch(crowd_config('yoloxpose', root), labeled=dict(indices=6))
    else:
        config = switch(small_config(root))
    if job == 'supervised':
        config.merge_from_dict(supervised(config))
    config.merge_from_dict(
        dict(
            launcher='pytorch',
            model_wrapper_cfg=dict(type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None),
        )
    )  # On CPUs.
    config.train_dataloader.sampler.update(labeled=2, unlabeled=3)
    config.train_dataloader.batch_size = 2 if job == 'supervised' else 5
    hooks = [*config.get('custom_hooks', []), dict(type='RecordHook', folder=str(folder), fault=job)]
    run(config, folder / f'work{get_rank()}', custom_hooks=hooks, train_cfg=dict(max_epochs=1))


if __name__ == '__main__':
    distributed.init_process_group('gloo')
    init_default_scope('mmpose')
    torch.set_num_threads(1)
    for job, where, data in zip(*[iter(sys.argv[1:])] * 3):
        if job == 'steps':
            steps(Path(where), data)
        else:
            whole_run(Path(where), data, job)
    leave_together()
    threads = [each.read_text().strip() for each in Path('/proc/self/task').glob('*/comm')]
    assert not any('gloo' in each for each in threads), 'or Python may abort as it ends'
