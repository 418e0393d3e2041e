# Whole bodies of LSP Extended beside the project, 14 joints: a stock-like supervised config, for a GPU.
_base_ = '../coco/td-hm_res18_8xb32-coco-256x192.py'

names = [
    'right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle', 'right_wrist', 'right_elbow',
    'right_shoulder', 'left_shoulder', 'left_elbow', 'left_wrist', 'neck', 'head_top'
]
links = [(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11), (2, 3), (8, 9), (8, 12), (9, 12), (12, 13)]
swaps = {'right': 'left', 'left': 'right'}
dataset_info = dict(
    dataset_name='lspet',
    keypoint_info={
        i: dict(
            id=i,
            name=name,
            color=[255, 128, 0] if name.startswith('right') else [0, 255, 0],
            type='lower' if i < 6 else 'upper',
            swap='_'.join([swaps.get(name.split('_')[0], ''), *name.split('_')[1:]]) if '_' in name and name.split(
                '_')[0] in swaps else '')
        for i, name in enumerate(names)
    },
    skeleton_info={i: dict(link=(names[a], names[b]), id=i, color=[51, 153, 255]) for i, (a, b) in enumerate(links)},
    joint_weights=[1.] * 14,
    # COCO's for the joints that COCO has; neck and head top as COCO-format conversions of MPII have them.
    sigmas=[.089, .087, .107, .107, .087, .089, .062, .072, .079, .079, .072, .062, .079, .079])
del names, links, swaps

train_cfg = dict(max_epochs=60, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=60, milestones=[45, 55], gamma=0.1, by_epoch=True)
]
model = dict(backbone=dict(init_cfg=None), head=dict(out_channels=14))  # From scratch: nothing is downloaded.

data_root = '../shared/data/lspet/'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root, ann_file='train.json', data_prefix=dict(img='images/'), metainfo=dataset_info))
val_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='val.json', data_prefix=dict(img='images/'), metainfo=dataset_info))
test_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='test.json', data_prefix=dict(img='images/'), metainfo=dataset_info))
val_evaluator = [
    dict(type='CocoMetric', ann_file=data_root + 'val.json'),
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox')
]
test_evaluator = [
    dict(type='CocoMetric', ann_file=data_root + 'test.json'),
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox')
]
