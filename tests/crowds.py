# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Small stock-like configs of networks that find all instances of an image."""

import copy

from conftest import ROOT
from mmengine.config import Config
from mmpose.registry import MODELS

from mmpose_dualteach.utils.config_dicts import plain

INPUT = (96, 64)
NORM, ACT = dict(type='BN', momentum=0.03, eps=0.001), dict(type='Swish')
SPR = dict(
    type='SPR',
    input_size=INPUT,
    heatmap_size=(24, 16),
    sigma=(2, 1),
    minimal_diagonal_length=1.0,
    generate_keypoint_heatmaps=True,
    decode_max_instances=30,
)
# What one kind has in place of another's.
DEKR_HEAD = dict(
    type='DEKRHead',
    in_channels=120,
    num_keypoints=17,
    num_heatmap_filters=8,
    num_displacement_filters_per_keypoint=2,
    heatmap_loss=dict(type='KeypointMSELoss', use_target_weight=True),
    displacement_loss=dict(
        type='SoftWeightSmoothL1Loss', use_target_weight=True, supervise_empty=False, beta=1 / 9, loss_weight=0.004
    ),
    decoder=SPR,
)
RTMO_NECK = dict(
    type='HybridEncoder',
    in_channels=[32, 64, 128],
    deepen_factor=0.33,
    widen_factor=0.125,
    hidden_dim=64,
    output_indices=[1, 2],
    encoder_cfg=dict(
        self_attn_cfg=dict(embed_dims=64, num_heads=4, dropout=0.0),
        ffn_cfg=dict(embed_dims=64, feedforward_channels=64, ffn_drop=0.0, act_cfg=dict(type='GELU')),
    ),
    projector=dict(
        type='ChannelMapper',
        in_channels=[64, 64],
        kernel_size=1,
        out_channels=64,
        act_cfg=None,
        norm_cfg=dict(type='BN'),
        num_outs=2,
    ),
)
COCO = 'configs/_base_/datasets/coco.py'
RTMO_HEAD = dict(
    type='RTMOHead',
    num_keypoints=17,
    featmap_strides=(16, 32),
    head_module_cfg=dict(
        num_classes=1,
        in_channels=32,
        cls_feat_channels=32,
        channels_per_group=4,
        pose_vec_channels=32,
        widen_factor=1.0,
        stacked_convs=1,
        norm_cfg=NORM,
        act_cfg=ACT,
    ),
    assigner=dict(
        type='SimOTAAssigner',
        dynamic_k_indicator='oks',
        oks_calculator=dict(type='PoseOKS', metainfo=COCO),
        use_keypoints_for_center=True,
    ),
    prior_generator=dict(type='MlvlPointGenerator', centralize_points=True, strides=[16, 32]),
    dcc_cfg=dict(
        in_channels=32,
        feat_channels=16,
        num_bins=(48, 32),
        spe_channels=16,
        gau_cfg=dict(s=16, expansion_factor=2, dropout_rate=0.0, drop_path=0.0, act_fn='SiLU', pos_enc='add'),
    ),
    overlaps_power=0.5,
    loss_cls=dict(type='VariFocalLoss', reduction='sum', use_target_weight=True, loss_weight=1.0),
    loss_bbox=dict(type='IoULoss', mode='square', eps=1e-16, reduction='sum', loss_weight=5.0),
    loss_oks=dict(type='OKSLoss', reduction='none', metainfo=COCO, loss_weight=30.0),
    loss_vis=dict(type='BCELoss', use_target_weight=True, reduction='mean', loss_weight=1.0),
    loss_mle=dict(type='MLECCLoss', use_target_weight=True, loss_weight=1.0),
    loss_bbox_aux=dict(type='L1Loss', reduction='sum', loss_weight=1.0),
)
RESIZE = [dict(type='BatchSyncRandomResize', random_size_range=(96, 128), size_divisor=32, interval=1)]
# MMPose 1.2 has no RTMO.
HAS_RTMO = 'RTMOHead' in MODELS.module_dict
KINDS = tuple(kind for kind in ('yoloxpose', 'rtmo', 'cid', 'dekr') if kind != 'rtmo' or HAS_RTMO)
# A stock hook that changes a weight at epoch 1, of whatever head.
MODE_OF_LOSSES = [
    dict(type='RTMOModeSwitchHook', epoch_attributes={1: {'loss_bbox.loss_weight': 2.5}}, priority=48),
][: int(HAS_RTMO)]


def crowd_config(kind: str, root: str) -> dict:
    """A config of a kind on a folder of drawn crowds: ``train.json``, ``val.json`` and ``images/``."""
    name = 'cid_res18' if kind in ('cid', 'dekr') else 'yoloxpose_nano'
    config = plain(Config.fromfile(ROOT / 'configs' / 'crowd' / f'{name}_1xb16-1500it_crowd-128x96.py'))
    config = copy.deepcopy({key: value for key, value in config.items() if key not in ('codec', 'dataset', 'packed')})
    model = config['model']
    _resize(config, {(128, 96): INPUT, (32, 24): (24, 16)})
    if kind in ('cid', 'dekr'):
        model['backbone'].update(stem_channels=8, base_channels=8)
        model['head'].update(in_channels=120, gfd_channels=8)
    else:
        model['backbone'].update(widen_factor=0.125)
        model['neck'].update(in_channels=[32, 64, 128], out_channels=32)
        model['head']['head_module_cfg']['widen_factor'] = 0.125
    pipeline = config['train_dataloader']['dataset']['pipeline']
    if kind == 'dekr':
        model['head'] = copy.deepcopy(DEKR_HEAD)
        model['test_cfg'] = dict(flip_test=False, nms_dist_thr=0.05)
        next(each for each in pipeline if each['type'] == 'GenerateTarget')['encoder'] = copy.deepcopy(SPR)
    if kind == 'rtmo':
        model.update(neck=copy.deepcopy(RTMO_NECK), head=copy.deepcopy(RTMO_HEAD))
        model['test_cfg'] = dict(score_thr=0.1, nms_thr=0.65)
        model['data_preprocessor']['batch_augments'] = copy.deepcopy(RESIZE)
    for stage in ('train', 'val', 'test'):
        loader = config[f'{stage}_dataloader']
        ann_file = 'train.json' if stage == 'train' else 'val.json'
        loader['dataset'].update(data_root=str(root), ann_file=ann_file)
        if stage == 'train':
            loader['batch_size'] = 4
        else:
            config[f'{stage}_evaluator'].update(ann_file=f'{root}/val.json')
    config['default_hooks']['checkpoint'].update(by_epoch=True, interval=1)
    config['default_hooks']['logger'].update(interval=1, log_metric_by_epoch=True)
    config['train_cfg'] = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
    config['param_scheduler'] = []
    config['optim_wrapper']['optimizer']['lr'] = 1e-4
    config.update(work_dir='unset', randomness=dict(seed=0), launcher='none', log_processor=dict(by_epoch=True))
    return config


def of_two_modes(root: str) -> dict:
    """A YOLOX-Pose config whose last but one epoch changes pipeline and losses by stock hooks."""
    stock = crowd_config('yoloxpose', root)
    pipeline = copy.deepcopy(stock['train_dataloader']['dataset']['pipeline'])
    pipeline = [each for each in pipeline if each['type'] != 'YOLOXHSVRandomAug']
    stock['custom_hooks'] = [
        dict(type='YOLOXPoseModeSwitchHook', num_last_epochs=1, new_train_pipeline=pipeline, priority=48),
        *MODE_OF_LOSSES,
    ]
    return stock


def in_second_mode(runner) -> bool:
    """Whether it has been changed, of every network and the labelled pipeline."""
    heads = [network.head for network in runner.model.networks.values()]
    kinds = [type(each).__name__ for each in runner.train_dataloader.dataset.datasets[0].pipeline.transforms]
    return (
        all(head.use_aux_loss is True for head in heads)
        and (not HAS_RTMO or all(head.loss_bbox.loss_weight == 2.5 for head in heads))
        and 'YOLOXHSVRandomAug' not in kinds
        and 'PackPoseInputs' in kinds
    )


def _resize(node, sizes) -> None:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, (tuple, list)) and len(value) == 2 and any(list(value) == list(size) for size in sizes):
            node[key] = sizes[tuple(value)]
        else:
            _resize(value, sizes)
