# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import ast
import copy
import functools
import importlib.util
import json
import os
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import mmengine.config.config as mmengine_config
import mmengine.config.utils as mmengine_config_utils
import mmengine.dataset.base_dataset as mmengine_base_dataset
import pytest
import torch
from hypothesis import HealthCheck, settings
from mmdet.utils import register_all_modules as register_mmdet
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.runner import Runner, set_random_seed
from mmengine.utils import package_utils
from mmpose.utils import register_all_modules as register_mmpose

import mmpose_dualteach  # noqa: F401
from mmpose_dualteach.dev.quickstart.drawn_people import draw_people
from mmpose_dualteach.switch import mutual_teaching
from mmpose_dualteach.utils.config_dicts import plain

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / 'shared' / 'data'
warnings.filterwarnings('ignore', message='.*pkg_resources.*')
for register in (register_mmdet, register_mmpose):
    register(init_default_scope=False)
# Stock datasets collect garbage whenever they are built, a third of a second each with all of MMPose and the tests
# before in memory; Python does so by itself.
mmengine_base_dataset.gc = SimpleNamespace(collect=lambda: 0)
# mmengine formats a run's config by yapf, a second and more for each run and checkpoint; here its text is left as it
# is, but in what tests the text. Its fork has another formatter.
YAPF = getattr(mmengine_config, 'FormatCode', None)
mmengine_config.FormatCode = lambda text, **_: (text, bool(ast.parse(text)))  # Which yapf would refuse as well.
# mmengine reads 150 metafiles, and pkg_resources anew, to find a config by its name: a third of a second each time.
mmengine_config_utils._get_cfg_metainfo = functools.lru_cache(None)(mmengine_config_utils._get_cfg_metainfo)
Config._get_cfg_path = staticmethod(functools.lru_cache(None)(Config._get_cfg_path))
package_utils.is_installed = functools.lru_cache(None)(package_utils.is_installed)


def reading_once(read):
    """A ``Config.fromfile`` that executes a stock definition of keypoints once: every dataset reads one."""
    known = {}

    def fromfile(filename, *args, **kwargs):
        name = str(filename)
        if '.mim/configs/_base_/datasets/' not in name:
            return read(filename, *args, **kwargs)
        if name not in known:
            known[name] = read(name, *args, **kwargs)
        return copy.deepcopy(known[name])

    return staticmethod(fromfile)


Config.fromfile = reading_once(Config.fromfile)
# The same kernels in every run on a GPU; on a CPU they are.
torch.backends.cudnn.deterministic = True
# The same examples in every run, and no limit of time for each on a busy machine.
settings.register_profile(
    'tests',
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile('tests')


@pytest.fixture(autouse=True)
def quiet_and_reproducible():
    """Two threads (one in each of pytest-xdist's processes), MMPose's scope and a fixed random state for each test."""
    torch.set_num_threads(1 if 'PYTEST_XDIST_WORKER' in os.environ else 2)
    init_default_scope('mmpose')
    set_random_seed(0)  # numpy's, too, by which views are drawn.
    yield
    assert DefaultScope.get_current_instance().scope_name == 'mmpose'


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The real images beside the project; tests that need them are skipped where they are not."""
    if not SHARED.is_dir():
        pytest.skip(f'{SHARED} is not here')
    return SHARED


@pytest.fixture(scope='session')
def people(tmp_path_factory) -> Path:
    """A folder of drawn people: train.json with 24, val.json with 6, images/."""
    folder = tmp_path_factory.mktemp('people')
    draw_people(folder, dict(train=24, val=6), seed=3)
    return folder


@pytest.fixture(scope='session')
def crowd(tmp_path_factory) -> Path:
    """A folder of drawn crowds: train.json with 10 images, val.json with 3, images/."""
    from crowds import INPUT

    folder = tmp_path_factory.mktemp('crowd')
    draw_people(folder, dict(train=10, val=3), seed=3, image_size=INPUT, crowd=3)
    return folder


@pytest.fixture
def copied(people, tmp_path) -> Path:
    """A copy of the drawn people that a test may spoil."""
    shutil.copytree(people, tmp_path / 'people')
    return tmp_path / 'people'


@pytest.fixture
def stock(people) -> dict:
    """A small stock-like config on the drawn people, as plain dicts."""
    return small_config(str(people))


@pytest.fixture
def switched(stock) -> Config:
    """The small config, switched: 8 labels, 24 unlabelled people, 4 + 4 in a batch."""
    return switch(stock)


@pytest.fixture
def run_files(switched, tmp_path):
    """The small config's file, and a checkpoint of its networks, which have learned nothing."""
    from looks import saved

    return saved(switched, tmp_path / 'run')


@pytest.fixture
def everything(stock):
    """Moving averages, snapshots, a ramp-up, occlusions, RandAugment: all that has a state or draws random numbers."""
    config = switch(
        stock,
        hook=dict(ramp_up=2, interval=1, momentum=0.1, snapshot_interval=5, wait_for_labels=True),
        rand_augment=dict(num=2, magnitude=20),
        model=dict(
            paths=[[dict(type='JointCutout'), dict(type='RandomCutMix')]],
            lessons=[
                dict(teacher=['a.ema', 'b.snapshot.mirrored', 'a.view2'], student='b'),
                dict(teacher='b', student='a'),
            ],
        ),
    )
    config.merge_from_dict(dict(train_cfg=dict(max_epochs=3), default_hooks=dict(checkpoint=dict(max_keep_ckpts=1))))
    return config


def small_config(root: str) -> dict:
    """The quick start's stock config with a tiny network and no workers."""
    config = plain(Config.fromfile(ROOT / 'configs' / 'quickstart' / 'td-hm_res18_1xb16-14e_drawn-64x96.py'))
    config['model']['backbone'].update(stem_channels=8, base_channels=8)
    config['model']['head'].update(in_channels=32, deconv_out_channels=(8, 8))
    for name in ('train', 'val', 'test'):
        loader = config[f'{name}_dataloader']
        loader.update(num_workers=0, batch_size=4)
        loader.pop('persistent_workers', None)
        loader['dataset'].update(data_root=root, ann_file='val.json' if name != 'train' else 'train.json')
        if name != 'train':
            config[f'{name}_evaluator'] = [dict(type='PCKAccuracy', thr=0.1)]
    config['default_hooks']['checkpoint'].update(save_best='PCK', interval=1)
    config['default_hooks']['logger']['interval'] = 1
    config['train_cfg'].update(max_epochs=1, val_interval=1)
    config.update(work_dir='unset', randomness=dict(seed=0), launcher='none')
    return config


def switch(stock: dict, **options) -> Config:
    """Switch a config in memory, as mmengine would by inheritance."""
    options.setdefault('labeled', dict(indices=8))
    options.setdefault('unlabeled', 'train.json')
    changes = mutual_teaching(stock, **options)
    merged = Config(copy.deepcopy(stock))
    merged.merge_from_dict(changes)
    return merged


def run(config: Config, work_dir, **changes) -> Runner:
    """Train in this process and return the runner."""
    config = copy.deepcopy(config)
    config.merge_from_dict(dict(changes, work_dir=str(work_dir)))
    # mmengine keeps runners and visualizers by name, also across tests.
    config.experiment_name = config.visualizer.name = f'{Path(work_dir).name}_{os.urandom(4).hex()}'
    runner = Runner.from_cfg(config)
    try:
        runner.train()
    finally:
        end_workers(runner)
    return runner


def end_workers(runner: Runner) -> None:
    """End the processes that load data. torch waits 5 seconds for each once its loader is collected in a cycle."""
    loops = [loop for loop in (runner._train_loop, runner._val_loop) if hasattr(loop, 'dataloader')]
    for owner in [each for loop in loops for each in (loop.dataloader, getattr(loop, 'dataloader_iterator', None))]:
        if hasattr(getattr(owner, '_iterator', None), '_shutdown_workers'):
            owner._iterator._shutdown_workers()


def edit_json(source: Path, target: Path, change) -> Path:
    """Write a changed copy of a JSON file."""
    content = json.loads(Path(source).read_text())
    change(content)
    Path(target).write_text(json.dumps(content))
    return target


def tool(name: str):
    """The ``main`` of one of tools/, as a command line calls it."""
    spec = importlib.util.spec_from_file_location(f'tool_{name}', ROOT / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main
