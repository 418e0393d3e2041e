# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""What networks see on instances without labels, written as labels."""

import os
import os.path as osp
import sys
from typing import Any, Dict, List, Mapping, Optional

from mmengine.config import Config
from mmengine.dist import barrier, get_dist_info
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.utils import ProgressBar, import_modules_from_strings
from torch.utils.data import DataLoader, Subset

from mmpose_dualteach.datasets.labeled_pipeline import innermost
from mmpose_dualteach.label_loop.coco import Choice, Counts, as_coco, category_of
from mmpose_dualteach.label_loop.formats import FORMATS, beside
from mmpose_dualteach.label_loop.formats.label_studio import LOCAL_FILES
from mmpose_dualteach.label_loop.instances import EveryInstance, pipeline_of_test
from mmpose_dualteach.label_loop.networks import Networks, Seen
from mmpose_dualteach.utils.file_io import atomic_write, dump_json
from mmpose_dualteach.utils.progress_file import Progress, digest

DECIMALS = 2  # Of pixels.


def pseudo_labels(
    config: Config,
    checkpoint: str,
    unlabeled: Mapping[str, Any],
    output: str,
    choice: Choice = Choice(),
    network: Optional[str] = None,
    batch: int = 32,
    workers: int = 2,
    device: Optional[str] = None,
    format_name: str = 'coco',
    address: str = LOCAL_FILES,
) -> Counts:
    """Let networks see every instance of a set, and write what they see as labels.

    What is seen is written down in ``OUTPUT.part``, from which an interrupted call goes on; the output appears when it
    is whole. Images that cannot be used are listed in ``OUTPUT.skipped.json``. Under a launcher of torch.distributed
    each process sees its share.

    Args:
        config (Config): A switched config, or the stock one of an ordinary checkpoint.
        checkpoint (str): The checkpoint.
        unlabeled (Mapping): Config of the unlabelled set.
        output (str): The file to write.
        choice (Choice): Which joints become labels. Defaults to those with a score of 0.3 or more.
        network (str, optional): Who answers, see :class:`Networks`.
        batch (int): Instances at a time. Defaults to 32; images with several instances are taken one by one.
        workers (int): Processes that read images. Defaults to 2.
        device (str, optional): Defaults to a GPU if there is one.
        format_name (str): One of :data:`FORMATS`. Defaults to ``'coco'``.
        address (str): What stands before names of images, where the format has addresses. Defaults to that of Label
            Studio's local files.

    Returns:
        Counts: Of what was written and left out.

    Raises:
        FileNotFoundError: If the checkpoint or source is missing.
        ValueError: If an option is out of range, the checkpoint is none of the config, or ``OUTPUT.part`` is of another
            call.
    """
    if not 0 <= choice.min_score <= 1 or (choice.agreement is not None and choice.agreement <= 0) or batch < 1:
        raise ValueError(f'{choice}: min_score must be 0 to 1, agreement above 0; batch {batch} must be at least 1')
    if config.get('custom_imports'):
        import_modules_from_strings(**config.custom_imports)
    init_default_scope('mmpose')
    networks = Networks(config, checkpoint, network, device)
    if choice.agreement is not None and len(networks.peers) < 2:
        raise ValueError(f'agreement needs two networks that see the same images; {checkpoint} has one')
    instances = EveryInstance(unlabeled, pipeline_of_test(config))
    rank, world = get_dist_info()
    weights = os.stat(checkpoint)
    made_by = dict(
        config=digest(config.pretty_text),
        checkpoint=[osp.abspath(checkpoint), weights.st_size, weights.st_mtime_ns],
        source=digest(str(dict(unlabeled, pipeline=None))),
        instances=len(instances),
        answers=networks.answers,
        processes=world,
    )
    parts = [f'{output}.part' if world == 1 else f'{output}.{process}.part' for process in range(world)]
    own = Progress(parts[rank], made_by, key='number')
    _see_all(networks, instances, own, range(rank, len(instances), world), batch, workers)
    barrier()
    if rank:
        return Counts()
    done = dict(own.done)
    for part in parts[1:]:
        done.update(Progress(part, made_by, key='number').done)
    lines = [done[number] for number in range(len(instances))]
    category = category_of(instances.unlabeled, _labeled_file(config))
    description = f'pseudo-labels of network {networks.answers} of {osp.basename(checkpoint)}, {choice}'
    coco, counts = as_coco(instances.unlabeled, lines, choice, category, description)
    form = FORMATS[format_name]
    dump_json(form.convert(coco, address), output)
    if form.beside:
        with atomic_write(beside(output, form)) as file:
            file.write(form.beside.text(coco))
    skipped = [line['problem'] for line in lines if 'problem' in line]
    if skipped:
        dump_json(skipped, f'{output}.skipped.json', indent=1)
    elif osp.exists(f'{output}.skipped.json'):  # Of an earlier call.
        os.remove(f'{output}.skipped.json')
    for part in parts:
        os.remove(part)
    return counts


def _see_all(
    networks: Networks, instances: EveryInstance, progress: Progress, share: range, batch: int, workers: int
) -> None:
    """Write down what is seen of a share of the instances that is not written down yet."""
    todo = [number for number in share if number not in progress.done]
    if not todo:
        return
    if len(todo) < len(share):
        print_log(f'{progress.path} has {len(share) - len(todo)} of {len(share)} already', logger='current')
    loader: DataLoader = DataLoader(
        Subset(instances, todo),
        batch_size=1 if networks.finds_instances else batch,
        num_workers=workers,
        collate_fn=list,
    )
    bar = ProgressBar(len(todo), file=sys.stderr)
    for part in loader:
        lines = {each['number']: {key: each[key] for key in each if key != 'sample'} for each in part}
        usable = [each for each in part if 'sample' in each]
        for each, seen in zip(usable, networks.see([each['sample'] for each in usable]) if usable else ()):
            lines[each['number']]['seen'] = _as_lists(seen)
        progress.write(list(lines.values()))
        bar.update(len(part))
    print(file=sys.stderr)


def _as_lists(seen: Seen) -> List[Dict[str, Any]]:
    """What is seen, an entry an instance, as JSON has it."""
    return [
        dict(
            joints=joints.astype(float).round(DECIMALS).tolist(),
            scores=scores.astype(float).round(4).tolist(),
            certainty=round(float(certainty), 4),
            box=box.astype(float).round(DECIMALS).tolist() if (box == box).all() else None,
            apart=[round(float(each), DECIMALS) if each < float('inf') else None for each in apart],
        )
        for joints, scores, certainty, box, apart in zip(*seen)
    ]


def _labeled_file(config: Config) -> str:
    """The labelled set's annotation file."""
    dataset = (config.get('train_dataloader') or {}).get('dataset') or {}
    dataset = innermost(dataset.get('labeled', dataset))
    return osp.join(dataset.get('data_root') or '', dataset.get('ann_file') or '')
