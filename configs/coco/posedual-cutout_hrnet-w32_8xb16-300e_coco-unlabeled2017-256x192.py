# PoseDual with Joint Cutout, all of train2017 labelled and unlabeled2017 with detected boxes: HRNet-w32.
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'
from mmpose_dualteach.switch import mutual_teaching

train_cfg = dict(max_epochs=300, val_interval=10)
param_scheduler = [dict(type='MultiStepLR', begin=0, end=300, milestones=[220, 260], gamma=0.1, by_epoch=True)]
# As the authors' released settings of other networks: Adam at 1e-3; at test time boxes given and no mirrored pass.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=128)
model = dict(test_cfg=dict(flip_test=False))
val_dataloader = dict(dataset=dict(bbox_file=None))
test_dataloader = val_dataloader
globals().update(
    mutual_teaching(
        _base_,
        method='posedual',
        batch=(16, 16),
        unlabeled=dict(
            ann_file='annotations/image_info_unlabeled2017.json',
            bbox_file='data/coco/person_detection_results/COCO_unlabeled2017_detections_person_faster_rcnn.json',
            data_prefix=dict(img='unlabeled2017/'),
        ),
        model=dict(paths=[[dict(type='JointCutout')]]),
    )
)
