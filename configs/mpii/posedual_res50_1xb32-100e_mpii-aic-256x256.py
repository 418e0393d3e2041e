# PoseDual, MPII labelled, the people of AI Challenger unlabelled: ResNet-50. AIC's boxes are used, its joints are not.
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py'
from mmpose_dualteach.switch import mutual_teaching

train_cfg = dict(max_epochs=100, val_interval=10)
param_scheduler = [dict(type='MultiStepLR', begin=0, end=100, milestones=[50, 70], gamma=0.1, by_epoch=True)]
# The authors' released settings: Adam at 1e-3, no mirrored pass at test time.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
model = dict(test_cfg=dict(flip_test=False))
auto_scale_lr = dict(base_batch_size=32)
globals().update(
    mutual_teaching(
        _base_,
        method='posedual',
        batch=(32, 32),
        unlabeled=dict(
            data_root='data/aic/',
            ann_file='annotations/aic_train.json',
            data_prefix=dict(img='ai_challenger_keypoint_train_20170902/keypoint_train_images_20170902/'),
        ),
    )
)
