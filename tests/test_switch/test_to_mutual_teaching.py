# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import argparse
import copy
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, switch, tool
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.runner import Runner
from mmpose.registry import DATASETS, MODELS

from mmpose_dualteach.command_line import add_switch_options, switch_options
from mmpose_dualteach.datasets.unlabeled_pipeline import photometric
from mmpose_dualteach.models import MutualTeachingPoseEstimator
from mmpose_dualteach.switch import is_switched, mutual_teaching, stock_config
from mmpose_dualteach.utils.config_dicts import plain  # Without the scope marks that mmengine leaves.
from mmpose_dualteach.utils.config_file import read_config

switch_config = tool('switch_config')
STOCK = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
UNTRAINABLE = 'mmpose::body_2d_keypoint/associative_embedding/coco/ae_hrnet-w32_8xb24-300e_coco-512x512.py'
CONFIGS = [p for p in (ROOT / 'configs').rglob('*.py') if p.stem not in ('crowd', 'drawn_people', 'lspet_keypoints')]
OVERLAY = f"""_base_ = '{STOCK}'
from mmpose_dualteach.switch import mutual_teaching

globals().update(mutual_teaching(_base_, unlabeled=dict(
    ann_file='annotations/image_info_unlabeled2017.json', bbox_file='boxes.json',
    data_prefix=dict(img='unlabeled2017/'))))
"""


@pytest.fixture(scope='module')
def overlay(tmp_path_factory) -> Config:
    path = tmp_path_factory.mktemp('overlay') / 'overlay.py'
    path.write_text(OVERLAY)
    assert len(OVERLAY.splitlines()) <= 8
    return Config.fromfile(path)


def test_what_the_stock_config_says_keeps_holding(overlay):
    stock = get_config(STOCK)
    for key in (
        'optim_wrapper',
        'param_scheduler',
        'custom_hooks',
        'val_dataloader',
        'val_evaluator',
        'train_cfg',
        'test_evaluator',
        'visualizer',
        'codec',
    ):
        assert plain(overlay[key]) == plain(stock[key]), key
    for key in ('backbone', 'head', 'test_cfg', 'data_preprocessor'):
        assert plain(overlay.model[key]) == plain(stock.model[key]), key
    assert {key: plain(overlay.default_hooks[key]) for key in stock.default_hooks} == plain(stock.default_hooks)
    assert overlay.custom_imports['imports'] == ['mmpose_dualteach']


def test_the_labelled_dataset_is_untouched_and_the_unlabelled_one_has_no_labels(overlay):
    dataset = overlay.train_dataloader.dataset
    assert plain(dataset.labeled) == plain(get_config(STOCK).train_dataloader.dataset)
    unlabeled = dataset.unlabeled
    assert unlabeled.data_root == 'data/coco/' and unlabeled.data_prefix.img == 'unlabeled2017/'
    kinds = [transform['type'] for transform in unlabeled.pipeline]
    assert kinds == ['LoadImage', 'WholeImageBox', 'GetBBoxCenterScale', 'EasyHardViews', 'mmdet.MultiBranch']


def test_batch_and_learning_rate_scale(overlay):
    loader = overlay.train_dataloader
    assert loader.batch_size == 128 and loader.sampler.labeled == loader.sampler.unlabeled == 64
    assert overlay.auto_scale_lr.base_batch_size == 1024, 'the labelled 64 of 128 must still count as 64 of 512'


def test_the_way_back_is_the_stock_config(overlay):
    stock, back = get_config(STOCK), stock_config(overlay)
    for key in stock:
        if key != 'train_dataloader':
            assert plain(back[key]) == plain(stock[key]), key
    assert plain(back.train_dataloader) == plain(stock.train_dataloader)
    assert 'custom_imports' not in back
    assert plain(stock_config(stock).model) == plain(stock.model), 'of a stock one it is itself'


def test_a_descendant_of_the_wrapper_is_a_switched_config(overlay):
    class Louder(MutualTeachingPoseEstimator):
        def __init__(self, volume: int, head: dict, **kwargs):
            super().__init__(head=head, **kwargs)

    config = copy.deepcopy(overlay)
    config.model.update(type='Louder', volume=11)
    assert not is_switched(config)
    MODELS.register_module(module=Louder)
    try:
        assert is_switched(config)
        assert stock_config(config).model == stock_config(overlay).model
        with pytest.raises(ValueError, match='already'):
            mutual_teaching(config, unlabeled='unlabeled.json')
    finally:
        MODELS._module_dict.pop('Louder')


def test_the_result_can_be_dumped_and_read(overlay, tmp_path):
    overlay.dump(tmp_path / 'dumped.py')
    assert Config.fromfile(tmp_path / 'dumped.py').to_dict() == overlay.to_dict()


def test_joined_datasets_serve_as_the_labelled_side():
    stock = get_config('mmpose::body_2d_keypoint/rtmpose/body8/rtmpose-t_8xb1024-700e_body8-halpe26-256x192.py')
    dataset = mutual_teaching(stock, unlabeled='u.json')['train_dataloader']['dataset']
    assert dataset['labeled']['type'] == 'CombinedDataset'
    assert dataset['unlabeled']['metainfo'] == dict(from_file='configs/_base_/datasets/halpe26.py')
    assert dataset['unlabeled']['dataset_type'] == 'CocoDataset'
    assert (
        len(
            mutual_teaching(
                stock, unlabeled='u.json', labeled=dict(datasets=[plain(stock.train_dataloader.dataset.datasets[0])])
            )['train_dataloader']['dataset']['labeled']['datasets']
        )
        == 1
    )
    for labeled in ('l.json', dict(indices=8)):  # Of joined datasets MMPose heeds no indices.
        with pytest.raises(ValueError, match=r'joins 7 datasets \(AicDataset, .*give labeled=dict\(datasets='):
            mutual_teaching(stock, unlabeled='u.json', labeled=labeled)


def test_a_repeated_dataset_reads_what_the_user_names():
    stock = dict(get_config(STOCK))
    inner = stock['train_dataloader']['dataset']
    stock['train_dataloader'] = dict(
        stock['train_dataloader'], dataset=dict(type='RepeatDataset', times=3, dataset=inner)
    )
    labeled = mutual_teaching(stock, unlabeled='u.json', labeled='l.json')['train_dataloader']['dataset']['labeled']
    assert labeled['times'] == 3 and labeled['dataset']['ann_file'] == 'l.json'


def test_what_relative_names_count_from(tmp_path, monkeypatch):
    """The table of docs/data.md."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'here.json').write_text('{}')
    (tmp_path / 'mine').mkdir()
    stock = get_config(STOCK)
    parser = argparse.ArgumentParser()
    add_switch_options(parser, switched=False)

    def typed(*arguments):
        return switch_options(parser.parse_args([STOCK, *arguments]))['unlabeled']

    def places(unlabeled):
        """The files and the folder of images that are opened."""
        source = mutual_teaching(stock, unlabeled)['train_dataloader']['dataset']['unlabeled']
        dataset = DATASETS.build(dict(plain(source), pipeline=[], lazy_init=True))
        return dataset.ann_file, dataset.data_prefix['img'], dataset.bbox_file

    here, images = str(tmp_path), 'data/coco/train2017/'
    assert places('here.json') == ('data/coco/here.json', images, None)
    assert places(dict(ann_file='x.json', data_root='other', data_prefix=dict(img='pictures'), bbox_file='b.json')) == (
        'other/x.json',
        'other/pictures',
        'b.json',
    )
    assert places('mine') == ('', 'mine', None)
    assert places(typed('--unlabeled', 'here.json')) == (f'{here}/here.json', images, None)
    assert places(typed('--unlabeled', 'there.json', '--boxes', 'b.json')) == ('data/coco/there.json', images, 'b.json')
    assert places(typed('--unlabeled', 'here.json', '--unlabeled-images', 'mine'))[1] == f'{here}/mine'
    assert places(typed('--unlabeled', 'here.json', '--unlabeled-images', 'val2017'))[1] == 'data/coco/val2017'
    assert places(typed('--unlabeled', 'mine'))[:2] == ('', f'{here}/mine')
    assert places(typed('--unlabeled', 'nowhere'))[:2] == ('', 'nowhere')


def test_a_class_with_several_definitions_of_keypoints_gives_the_right_one():
    stock = get_config(
        'mmpose::fashion_2d_keypoint/topdown_heatmap/deepfashion/td-hm_res50_8xb64-210e_deepfashion_lower-256x192.py'
    )
    dataset = mutual_teaching(stock, unlabeled='u.json')['train_dataloader']['dataset']['unlabeled']
    assert dataset['dataset_type'] == 'DeepFashionDataset' and dataset['dataset_options'] == dict(subset='lower')


def test_the_list_says_which_stock_configs_can_be_switched(monkeypatch, capsys):
    monkeypatch.setitem(
        switch_config.__globals__,
        'stock_configs',
        lambda: [STOCK[len('mmpose::') :], UNTRAINABLE[len('mmpose::') :]],
    )
    with pytest.raises(SystemExit) as left:
        switch_config(['--list'])
    printed = capsys.readouterr()
    assert left.value.code == 0 and '1 of 2 stock configs' in printed.err
    yes, no = printed.out.strip().splitlines()
    assert yes == f'yes  {STOCK[len("mmpose::") :]}' and 'ae_hrnet' in no and 'cannot be trained' in no


def test_udp_goes_to_the_unlabelled_side():
    stock = get_config('mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192.py')
    cut = mutual_teaching(stock, unlabeled='u.json')['train_dataloader']['dataset']['unlabeled']['pipeline'][3]
    assert cut['use_udp'] and tuple(cut['input_size']) == (192, 256)


def test_command_line_options_do_what_the_overlay_does(tmp_path, capsys):
    output = tmp_path / 'new.py'
    assert (
        switch_config(
            [
                STOCK,
                '--unlabeled',
                'u.json',
                '--boxes',
                'b.json',
                '--labeled',
                'l.json',
                '--batch',
                '3',
                '5',
                '--burn-in',
                '2',
                '--joint-cutout',
                '-o',
                str(output),
            ]
        )
        == 0
    )
    config = Config.fromfile(output)
    dataset = config.train_dataloader.dataset
    assert dataset.labeled.ann_file == 'l.json' and dataset.unlabeled.ann_file == 'u.json'
    assert dataset.unlabeled.bbox_file == 'b.json' and config.train_dataloader.batch_size == 8
    assert config.default_hooks.dual_teacher.burn_in == 2 and config.model.paths == [[dict(type='JointCutout')]]


@pytest.mark.parametrize(
    'unlabeled, message',
    [
        (['a.json', 'b.json'], 'name one file or folder'),
        (
            dict(type='ConcatDataset', datasets=[]),
            "unlabeled.type='ConcatDataset': .*one file.*; join several into one",
        ),
    ],
)
def test_there_is_one_unlabelled_source(stock, unlabeled, message):
    with pytest.raises(ValueError, match=message):
        mutual_teaching(stock, unlabeled=unlabeled)


def test_changes_are_merged_into_a_config_not_put_in_its_place(stock):
    config = Config(copy.deepcopy(stock))
    changes = mutual_teaching(config, unlabeled='images')
    with pytest.raises(ValueError, match='config.merge_from_dict'):
        MODELS.build(Config({**config, **changes}).model)
    config.merge_from_dict(changes)
    MODELS.build(config.model)


@pytest.mark.parametrize(
    'change, message',
    [
        (
            lambda c: c['model'].update(type='BottomupPoseEstimator'),
            'model.head is HeatmapHead; supported are DEKRHead',
        ),
        (lambda c: c['model'].update(type='PoseLifter'), 'see no images; use a config such as'),
        (lambda c: c['model'].update(type='Other'), 'model.type is Other, no TopdownPoseEstimator and no Bottomup'),
        (lambda c: c['model'].update(type='MutualTeachingPoseEstimator'), 'already'),
        (
            lambda c: c['model']['head'].update(type='SimCCHead'),
            'codec of SimCCHead is MSRAHeatmap; supported are Heat',
        ),
        (lambda c: c['model']['head'].update(decoder=dict(type='SPR')), 'codec of HeatmapHead is SPR; supported are'),
        (lambda c: c['model']['head']['decoder'].update(heatmap_size=(32, 48)), 'codec mismatch: heatmap_size'),
        (lambda c: c['model']['head']['decoder'].update(type='UDPHeatmap'), 'codec mismatch: type'),
        (lambda c: c.update(train_dataloader=None), 'no train_dataloader'),
        (lambda c: c['train_dataloader']['dataset'].update(pipeline=[]), 'no GenerateTarget'),
    ],
)
def test_refusals_name_the_reason(stock, change, message):
    stock = copy.deepcopy(stock)
    change(stock)
    with pytest.raises(ValueError, match=message):
        mutual_teaching(stock, unlabeled='train.json')


@pytest.mark.parametrize('options', [dict(views='paper'), dict(rand_augment=False)])
def test_options_of_views_that_a_pipeline_makes_are_named(stock, options):
    with pytest.raises(ValueError, match='unlabeled.pipeline makes the views, so .* would change nothing'):
        mutual_teaching(stock, unlabeled=dict(ann_file='train.json', pipeline=[]), **options)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(batch=(1, 0)), 'at least one labelled and one unlabelled'),
        (dict(batch=(3,)), r'give batch=\(labelled, unlabelled\)'),
        (dict(labeled='folder'), 'annotation file'),
        (dict(rand_augment=dict(num=2, magnitude=40)), '0 to 30'),
        (dict(rand_augment=dict(num=2, magnitude=9, operations=['Shear'])), 'at least 2 of AutoContrast, Equalize'),
        (dict(rand_augment=20), r'give rand_augment=dict\(num=2, magnitude=20\)'),
        (dict(rand_augment=True), r'give rand_augment=dict\(num=2, magnitude=20\)'),
        (dict(rand_augment=dict(mag=3)), "rand_augment has no 'mag'; it has magnitude, num, operations"),
        (dict(unlabeled=None), 'unlabeled=None: name one file or folder'),
        (dict(unlabeled=''), "unlabeled='': name one file or folder"),
        (dict(model=dict(supervised_weight=1)), "model has no 'supervised_weight'; did you mean sup_weight?"),
        (dict(model=dict(backbonee=dict())), 'did you mean backbone?'),
        (dict(hook=dict(burnin=1)), "hook has no 'burnin'; did you mean burn_in?"),
        (dict(hook=3), r'hook=3 must be a dict'),
        (dict(pictures=dict(every=1)), "pictures has no 'every'"),
        (dict(views=dict(soft=dict())), "views has no 'soft'"),
        (dict(views=dict(easy=dict(turn=1))), "views.easy has no 'turn'"),
        (
            dict(views=dict(easy=dict(scale_factor=0.25))),
            'views.easy.scale_factor=0.25 must be a list of 2, each of it a',
        ),
        (dict(views=dict(easy_views='2')), "views.easy_views='2' must be a whole number"),
        (dict(views=dict(hard=dict(scale_factor=(-1, 1)))), r'scale_factor=\(-1, 1\)'),
        (dict(views=dict(hard=dict(flip_prob=2))), 'flip_prob=2 must be between 0 and 1'),
        (dict(batch=16), r'give batch=\(labelled, unlabelled\)'),
        (dict(epoch='all'), "epoch='all'; choose 'unlabeled' or 'labeled'"),
        (dict(labeled=['a.json']), r"labeled=\['a.json'\]: name one file"),
        (dict(model=dict(networks=['a', 'b'])), r"networks=\['a', 'b'\] must be a dict of dicts"),
        (dict(model=dict(networks={'a': dict(), 'a.b': dict()})), "model.networks: 'a.b' is no name"),
        (dict(model=dict(unsup_weight=-1)), 'model.unsup_weight=-1 must not be negative'),
        (dict(model=dict(confidence='x')), "model.confidence='x' must be True or False"),
        (dict(model=dict(pseudo_label_thr='0.5')), "model.pseudo_label_thr='0.5' must be a number"),
        (dict(model=dict(paths=[dict(type='JointCutout')])), 'must be a list, each of it a list, each of it a dict'),
        (
            dict(model=dict(paths=[[dict(type='JointCutout', joint=3)]])),
            'JointCutout has no .joint.; did you mean joints',
        ),
        (
            dict(model=dict(lessons=dict(teacher='a', student='b'))),
            'model.lessons=.* must be a list, each of it a dict',
        ),
        (dict(hook=dict(rounds=1.5)), 'hook.rounds=1.5 must be a whole number or None'),
        (dict(hook=dict(max_drift=0)), 'max_drift=0 must be above 0'),
        (dict(hook=dict(max_drift=float('nan'))), 'max_drift=nan must be above 0'),
        (dict(hook=dict(collapse_fraction=-1)), 'collapse_fraction=-1 must be between 0 and 1'),
        (dict(hook=dict(max_skipped=-1)), 'max_skipped=-1 must not be negative'),
        (dict(model=dict(statistics='foo')), "model.statistics='foo'; choose 'easy', 'labeled' or 'all'"),
        (dict(model=dict(teacher_mode='foo')), "model.teacher_mode='foo'; choose 'train' or 'eval'"),
        (dict(model=dict(autocast='foo')), "model.autocast='foo' is no torch dtype"),
        (dict(baseline='yes'), "baseline='yes' must be True or False"),
        (dict(method='self-training', hook=dict(burn_in='20%')), 'leave out burn_in .* or set rounds=None'),
        (dict(model=dict(head=None)), 'model.head=None: mutual teaching needs a head'),
        (dict(pictures=dict(interval=0)), 'interval=0 and num_instances=4 must be at least 1'),
        (dict(model=dict(networks=dict(a=dict(sed=1)))), "model.networks.a has no 'sed'; did you mean seed?"),
        (
            dict(model=dict(networks=dict(a=dict(config='none.py')))),
            "model.networks.a.config='none.py': there is no such",
        ),
    ],
)
def test_bad_options_are_named(stock, options, message):
    with pytest.raises(ValueError, match=message):
        mutual_teaching(stock, **dict(dict(unlabeled='train.json'), **options))


def test_numbers_of_other_types_are_taken(stock):
    options = dict(model=dict(confidence=1, sup_weight=2), hook=dict(interval=1e1, max_skipped=float('inf')))
    config = mutual_teaching(stock, unlabeled='train.json', **options, views=dict(independent=np.bool_(True)))
    assert config['model']['confidence'] == 1 and config['default_hooks']['dual_teacher']['interval'] == 10


def test_no_option_of_the_command_line_is_dropped(tmp_path):
    parser = argparse.ArgumentParser()
    add_switch_options(parser)
    images = ['stock.py', '--unlabeled', str(tmp_path)]
    chosen = switch_options(parser.parse_args([*images, '--labeled-images', str(tmp_path / 'labeled')]))
    assert chosen['labeled'] == dict(data_prefix=dict(img=str(tmp_path / 'labeled')))
    with pytest.raises(ValueError, match='--unlabeled-images: --unlabeled .* is a folder of images itself'):
        switch_options(parser.parse_args([*images, '--unlabeled-images', str(tmp_path)]))


def test_refusal_on_the_command_line_is_one_line(tmp_path, capsys):
    assert switch_config([UNTRAINABLE, '--unlabeled', 'u.json', '-o', str(tmp_path / 'x.py')]) == 1
    assert switch_config(['nowhere.py', '--unlabeled', 'u.json', '-o', str(tmp_path / 'x.py')]) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 2 and 'cannot be trained' in errors[0] and 'nowhere.py' in errors[1]
    assert not (tmp_path / 'x.py').exists()


def test_a_config_is_not_written_over_by_what_is_made_of_it(tmp_path, stock, capsys):
    Config(stock).dump(tmp_path / 'stock.py')
    before = (tmp_path / 'stock.py').read_text()
    assert switch_config([str(tmp_path / 'stock.py'), '--unlabeled', 'u.json', '-o', str(tmp_path / 'stock.py')]) == 1
    assert 'stock.py is read and would be written over' in capsys.readouterr().err
    assert (tmp_path / 'stock.py').read_text() == before


@pytest.mark.parametrize('path', sorted(str(p.relative_to(ROOT)) for p in CONFIGS if 'benchmark' not in p.parts))
def test_every_shipped_config_builds(path):
    try:
        config = Config.fromfile(ROOT / path)
    except ImportError:
        pytest.importorskip('mmpretrain')
        raise
    config.model.backbone.pop('init_cfg', None)
    MODELS.build(config.model)


@pytest.mark.parametrize('operations, count', [(None, 6), ('all', 10), (['Invert', 'Color'], 2)])
def test_photometric_randaugment_changes_colours_only(operations, count):
    import numpy as np
    from mmcv.transforms import Compose

    np.random.seed(0)
    options = dict(num=2, magnitude=20, **(dict(operations=operations) if operations else {}))
    (config,) = photometric(options)
    assert len(config['aug_space']) == count
    transform = Compose([config])
    image = np.random.randint(0, 255, (64, 48, 3), np.uint8)
    results = [transform(dict(img=image.copy()))['img'] for _ in range(40)]
    assert all(result.shape == image.shape and result.dtype == np.uint8 for result in results)
    changed = sum(not np.array_equal(result, image) for result in results)
    assert changed > 30


def test_stock_of_a_file(stock, tmp_path):
    path = tmp_path / 'stock.py'
    Config(stock).dump(path)
    assert read_config(str(path)).model.type == 'TopdownPoseEstimator'
    assert switch(stock).model.networks == dict(a=dict(), b=dict())


def test_every_source_has_its_options_on_the_command_line(tmp_path, people):
    stock = str(ROOT / 'configs' / 'quickstart' / 'td-hm_res18_1xb16-14e_drawn-64x96.py')
    overlay = tmp_path / 'overlay.py'
    assert (
        switch_config(
            [
                stock,
                '--labeled',
                str(people / 'train.json'),
                '--unlabeled',
                'pictures',
                '--boxes',
                'boxes.json',
                '--box-score',
                '0.5',
                '--box-category',
                'person',
                '3',
                '--box-area',
                '100',
                '--frame-every',
                '7',
                '--frame-change',
                '0',
                '--frames',
                str(tmp_path / 'frames'),
                '--allow-outside',
                '--max-broken',
                '0.5',
                '--backend-args',
                'backend=petrel',
                '-o',
                str(overlay),
            ]
        )
        == 0
    )
    unlabeled = Config.fromfile(overlay).train_dataloader.dataset.unlabeled
    assert (unlabeled.bbox_file, unlabeled.bbox_thr, unlabeled.min_area) == ('boxes.json', 0.5, 100)
    assert unlabeled.category == ['person', 3] and unlabeled.data_prefix == dict(img='pictures')
    assert unlabeled.video == dict(every=7, min_change=0, folder=str(tmp_path / 'frames'))
    assert unlabeled.allow_outside and unlabeled.max_broken == 0.5 and unlabeled.backend_args == dict(backend='petrel')


def test_a_method_by_its_name_and_what_comes_on_top(stock):
    pipelines = {
        method: mutual_teaching(stock, 'train.json', **options)['train_dataloader']['dataset']['unlabeled']['pipeline']
        for method, options in dict(
            default=dict(),
            paper=dict(method='posedual'),
            changed=dict(
                method='posedual', views=dict(hard=dict(rotate_factor=5.0)), rand_augment=dict(num=1, magnitude=9)
            ),
        ).items()
    }
    views = {method: pipeline[3] for method, pipeline in pipelines.items()}
    assert views['default']['easy']['law'] == 'truncated' and views['paper']['easy']['law'] == 'clipped'
    assert views['paper']['hard']['rotate_factor'] == 60 and views['changed']['hard']['rotate_factor'] == 5
    assert views['changed']['hard']['law'] == 'clipped' and views['changed']['easy'] == views['paper']['easy']
    colours = {method: len(pipeline[4]['hard']) for method, pipeline in pipelines.items()}
    assert colours == dict(default=3, paper=2, changed=3)

    model = mutual_teaching(stock, 'train.json', method='posedual', model=dict(sup_weight=0.7))['model']
    assert model['sup_weight'] == 0.7 and model['confidence'] is False
    assert 'sup_weight' not in mutual_teaching(stock, 'train.json')['model']
    with pytest.raises(ValueError, match="method='posedaul' does not exist; choose one of mutual-teaching, .*posedual"):
        mutual_teaching(stock, 'train.json', method='posedaul')


def test_joint_cutout_takes_no_paths_from_a_method(tmp_path, capsys):
    given = ['--unlabeled', 'u.json', '--joint-cutout', '-o', str(tmp_path / 'x.py')]
    assert switch_config([STOCK, *given, '--method', 'sspcm']) == 1
    assert '--joint-cutout: method sspcm has occlusions of its own' in capsys.readouterr().err
    assert switch_config([STOCK, *given, '--method', 'posedual']) == 0


def test_teachers_see_no_mirrored_images_where_labels_show_none(stock):
    lessons = [dict(teacher=['a', 'b.mirrored'], student='a')]
    assert mutual_teaching(stock, 'train.json', model=dict(lessons=lessons))['model']['lessons'] == lessons
    pipeline = stock['train_dataloader']['dataset']['pipeline']
    pipeline[:] = [each for each in pipeline if each['type'] != 'RandomFlip']
    with pytest.raises(ValueError, match=r"teacher 'b.mirrored' sees mirrored images.* give 'b', or add RandomFlip"):
        mutual_teaching(stock, 'train.json', model=dict(lessons=lessons))


def test_randaugment_on_the_command_line(tmp_path):
    stock = str(ROOT / 'configs' / 'quickstart' / 'td-hm_res18_1xb16-14e_drawn-64x96.py')
    for given, operations in (([], 2), (['--rand-augment', '0'], None), (['--method', 'posedual'], None)):
        path = tmp_path / f'{len(given)}{given[-1:]}.py'
        assert switch_config([stock, '--unlabeled', 'u.json', *given, '-o', str(path)]) == 0
        branch = Config.fromfile(path).train_dataloader.dataset.unlabeled.pipeline[4].hard
        found = [each.get('aug_num') for each in branch if each.type == 'ColorRandAugment']
        assert found == ([operations] if operations else []), given


def test_a_loader_cut_to_a_number_of_batches_is_refused(stock):
    stock['train_dataloader']['num_batch_per_epoch'] = 2
    with pytest.raises(ValueError, match='num_batch_per_epoch cuts the first instances.*leave it out'):
        switch(stock)


def test_a_placeholder_that_the_switch_needs_is_said(tmp_path):
    switched = f"""_base_ = '{STOCK}'
from mmpose_dualteach.switch import mutual_teaching

globals().update(mutual_teaching(_base_, unlabeled='u.json', batch=(%s, 4), labeled=%s))
"""
    size, path = '_base_.train_dataloader.batch_size', '{{_base_.train_dataloader.dataset.ann_file}}'
    (tmp_path / 'braces.py').write_text(switched % (f'{{{{{size}}}}}', None))
    with pytest.raises(ValueError, match=rf'needs? the value of \{{\{{{size}\}}\}}.*write {size}, which is known'):
        read_config(str(tmp_path / 'braces.py'))
    (tmp_path / 'plain.py').write_text(switched % (size, f'dict(ann_file={path})'))
    loader = read_config(str(tmp_path / 'plain.py')).train_dataloader  # One that is handed on is filled in later.
    assert loader.sampler.labeled == 64 and loader.dataset.labeled.ann_file.endswith('person_keypoints_train2017.json')


def test_an_overlay_replaces_no_other_file(tmp_path, capsys):
    given = [STOCK, '--unlabeled', 'u.json', '-o']
    path = tmp_path / 'mine.py'
    assert switch_config([*given, str(path)]) == switch_config([*given, str(path)]) == 0
    path.write_text('mine = 1\n')
    assert switch_config([*given, str(path)]) == 1 and path.read_text() == 'mine = 1\n'
    assert 'mine.py is there with other content; name another output by -o' in capsys.readouterr().err
    assert switch_config([*given, str(tmp_path / 'x.txt')]) == 1 and not (tmp_path / 'x.txt').exists()
    assert 'a config is a .py file' in capsys.readouterr().err
    assert switch_config([str(tmp_path), '--unlabeled', 'u.json', '-o', str(path)]) == 1
    assert f'config {tmp_path} is a folder; give a file' in capsys.readouterr().err


def test_hooks_that_nobody_needs_can_be_left_out(stock, switched):
    assert mutual_teaching(stock, 'train.json', pictures=False)['default_hooks']['lesson_visualization'] is None
    stock['default_hooks']['student_export'] = None
    without = mutual_teaching(stock, 'train.json')['default_hooks']
    assert without['student_export'] is None and without['exact_resume'] == dict(type='ExactResumeHook')
    registered = []
    runner = SimpleNamespace(register_hook=registered.append)
    hooks = dict(switched.default_hooks, student_export=None, lesson_visualization=None, timer=None)
    Runner.register_default_hooks(runner, hooks)
    kinds = [each['type'] for each in registered]
    assert 'DualTeacherHook' in kinds and 'CheckpointHook' in kinds
    assert not {'StudentExportHook', 'LessonVisualizationHook', 'IterTimerHook'} & set(kinds)
