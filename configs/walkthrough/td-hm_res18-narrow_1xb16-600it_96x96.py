# A small network for one animal seen from above, which may look anywhere: what tools/import_labels.py --base takes in
# the docs' walkthrough. 600 steps on two cores.
_base_ = '../quickstart/td-hm_res18_1xb16-14e_drawn-64x96.py'

train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=600, val_interval=100)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=600, milestones=[450, 550], gamma=0.1, by_epoch=False),
]
default_hooks = dict(
    logger=dict(interval=25, log_metric_by_epoch=False), checkpoint=dict(by_epoch=False, interval=100, max_keep_ckpts=1)
)
log_processor = dict(by_epoch=False)

codec = dict(type='UDPHeatmap', input_size=(96, 96), heatmap_size=(24, 24), sigma=1.5)
model = dict(head=dict(decoder=dict(_delete_=True, **codec)))
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0, rotate_factor=180, rotate_prob=1.0, scale_factor=(0.75, 1.25)),
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
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
