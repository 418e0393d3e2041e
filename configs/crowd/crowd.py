# What both share: drawn crowds, one or two people on an image (see README), in 1,500 steps.
_base_ = 'mmpose::_base_/default_runtime.py'

train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=1500, val_interval=250)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=400, end=1500, T_max=1100, eta_min=1e-5, by_epoch=False),
]
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=250, max_keep_ckpts=1, save_best='coco/AP', rule='greater'),
)
log_processor = dict(by_epoch=False)

dataset_type, data_mode = 'CocoDataset', 'bottomup'  # MMPoseInferencer asks for both.
data_root = 'data/crowd/'
packed = ('id', 'img_id', 'img_path', 'ori_shape', 'img_shape', 'input_size', 'input_center', 'input_scale')
dataset = dict(
    type=dataset_type,
    metainfo=dict(from_file='{{ fileDirname }}/../quickstart/drawn_people.py'),
    data_root=data_root,
    data_mode=data_mode,
    ann_file='train.json',
    data_prefix=dict(img='images/'),
)
train_dataloader = dict(
    batch_size=16, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True), dataset=dataset
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(dataset, ann_file='val.json', test_mode=True),
)
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader['dataset'], ann_file='test.json'))
val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'val.json', score_mode='bbox', nms_mode='none')
test_evaluator = dict(val_evaluator, ann_file=data_root + 'test.json')
