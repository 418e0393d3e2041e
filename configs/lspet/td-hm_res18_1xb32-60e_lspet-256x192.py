# Whole bodies of LSP Extended beside the project, 14 joints: a stock-like supervised config, for a GPU.
_base_ = '../coco/td-hm_res18_1xb32-210e_coco-256x192.py'

train_cfg = dict(max_epochs=60, val_interval=5)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=60, milestones=[45, 55], gamma=0.1, by_epoch=True),
]
model = dict(backbone=dict(init_cfg=None), head=dict(out_channels=14))  # From scratch: nothing is downloaded.

metainfo = dict(from_file='{{ fileDirname }}/lspet_keypoints.py')
data_root = 'data/lspet/'
train_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='train.json', data_prefix=dict(img='images/'), metainfo=metainfo)
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='val.json', data_prefix=dict(img='images/'), metainfo=metainfo)
)
test_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file='test.json', data_prefix=dict(img='images/'), metainfo=metainfo)
)
val_evaluator = [
    dict(type='CocoMetric', ann_file=data_root + 'val.json'),
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox'),
]
test_evaluator = [
    dict(type='CocoMetric', ann_file=data_root + 'test.json'),
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox'),
]
