# PoseDual, ResNet-50, 1K labels.
_base_ = 'td-hm_res50_1xb32-210e_coco-256x192.py'
from mmpose_dualteach.switch import mutual_teaching

train_cfg = dict(max_epochs=30, val_interval=5)
param_scheduler = [dict(type='MultiStepLR', begin=0, end=30, milestones=[20, 25], gamma=0.1, by_epoch=True)]
globals().update(
    mutual_teaching(
        _base_,
        method='posedual',
        labeled=dict(indices=1000),
        unlabeled='annotations/person_keypoints_train2017.json',
    )
)
