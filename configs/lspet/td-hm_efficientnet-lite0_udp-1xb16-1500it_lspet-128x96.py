# Whole bodies of LSP Extended, 14 joints, on two cores: stock pipelines and an EfficientNet-Lite0 from ImageNet, whose
# weights tools/imagenet_weights.py writes.
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
custom_imports = dict(imports=['mmpretrain.models'], allow_failed_imports=False)

train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=1500, val_interval=150)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=1500, milestones=[1125, 1380], gamma=0.1, by_epoch=False),
]
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=150, max_keep_ckpts=1, save_best='PCK', rule='greater'),
)
log_processor = dict(by_epoch=False)

codec = dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.TIMMBackbone',
        model_name='tf_efficientnet_lite0',
        features_only=True,
        out_indices=(4,),
        init_cfg=dict(type='Pretrained', checkpoint='data/imagenet/efficientnet-lite0.pth'),
    ),
    head=dict(
        in_channels=320,
        out_channels=14,
        deconv_out_channels=(96, 96, 96),
        deconv_kernel_sizes=(4, 4, 4),
        decoder=dict(_delete_=True, **codec),
    ),
    test_cfg=dict(flip_test=False),
)

metainfo = dict(from_file='{{ fileDirname }}/lspet_keypoints.py')
data_root = 'data/lspet/'
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,  # On two cores a worker only takes the network's time.
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='train.json',
        data_prefix=dict(img='images/'),
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='val.json',
        bbox_file=None,
        data_prefix=dict(img='images/'),
        metainfo=metainfo,
        pipeline=val_pipeline,
    ),
)
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader['dataset'], ann_file='test.json'))
val_evaluator = dict(_delete_=True, type='PCKAccuracy', thr=0.1, norm_item='bbox')
test_evaluator = val_evaluator
