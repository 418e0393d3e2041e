# A stock-like CID on drawn crowds, with a narrow ResNet-18 from scratch in place of an HRNet.
_base_ = 'crowd.py'

codec = dict(type='DecoupledHeatmap', input_size=(128, 96), heatmap_size=(32, 24))
model = dict(
    type='BottomupPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    backbone=dict(type='ResNet', depth=18, stem_channels=32, base_channels=32, out_indices=(0, 1, 2, 3)),
    neck=dict(type='FeatureMapProcessor', concat=True),
    head=dict(
        type='CIDHead',
        in_channels=480,
        num_keypoints=17,
        gfd_channels=32,
        coupled_heatmap_loss=dict(type='FocalHeatmapLoss', loss_weight=1.0),
        decoupled_heatmap_loss=dict(type='FocalHeatmapLoss', loss_weight=4.0),
        contrastive_loss=dict(type='InfoNCELoss', temperature=0.05, loss_weight=1.0),
        decoder=codec,
    ),
    train_cfg=dict(max_train_instances=200),
    test_cfg=dict(multiscale_test=False, flip_test=False, shift_heatmap=False, align_corners=False),
)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))

train_pipeline = [
    dict(type='LoadImage'),
    dict(
        type='BottomupRandomAffine',
        input_size=codec['input_size'],
        shift_factor=0.1,
        rotate_factor=20,
        scale_factor=(0.75, 1.25),
        scale_type='long',
    ),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='BottomupGetHeatmapMask'),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='BottomupResize', input_size=codec['input_size']),
    dict(type='PackPoseInputs', meta_keys={{_base_.packed}}),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
val_evaluator = dict(score_mode='keypoint')
test_evaluator = dict(score_mode='keypoint')
