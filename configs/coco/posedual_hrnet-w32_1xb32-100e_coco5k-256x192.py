# PoseDual, HRNet-w32, 5K labels.
_base_ = 'td-hm_hrnet-w32_1xb32-210e_coco-256x192.py'
from mmpose_dualteach.switch import mutual_teaching

train_cfg = dict(max_epochs=100, val_interval=5)
param_scheduler = [dict(type='MultiStepLR', begin=0, end=100, milestones=[70, 90], gamma=0.1, by_epoch=True)]
globals().update(
    mutual_teaching(
        _base_,
        method='posedual',
        labeled=dict(indices=5000),
        unlabeled='annotations/person_keypoints_train2017.json',
    )
)
