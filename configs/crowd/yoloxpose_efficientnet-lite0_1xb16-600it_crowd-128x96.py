# YOLOX-Pose on an EfficientNet-Lite0 from ImageNet (see ../lspet/README.md), in 600 steps: from scratch it takes
# thousands. Joints are learned by their distance as well, from the first step on.
_base_ = 'yoloxpose_nano_1xb16-1500it_crowd-128x96.py'

custom_imports = dict(imports=['mmpretrain.models'], allow_failed_imports=False)
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5], bgr_to_rgb=True),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.TIMMBackbone',
        model_name='tf_efficientnet_lite0',
        features_only=True,
        out_indices=(2, 3, 4),
        init_cfg=dict(type='Pretrained', checkpoint='data/imagenet/efficientnet-lite0.pth'),
    ),
    neck=dict(in_channels=[40, 112, 320]),
    head=dict(use_aux_loss=True, loss_kpt_aux=dict(type='L1Loss', use_target_weight=True, loss_weight=50.0)),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_iters=600, val_interval=300)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=160, end=600, T_max=440, eta_min=1e-5, by_epoch=False),
]
