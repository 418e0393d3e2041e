# The 239 COCO images beside the project, to try everything on: 40 people lend their labels, all of them their boxes.
_base_ = '../coco/td-hm_res18_1xb32-210e_coco-256x192.py'
from mmpose_dualteach.switch import mutual_teaching

data_root = 'data/coco_mini/'
train_cfg = dict(max_epochs=1, val_interval=1)
val_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
globals().update(
    mutual_teaching(
        _base_,
        batch=(4, 4),
        labeled=dict(data_root=data_root, indices=40),
        unlabeled='annotations/person_keypoints_train2017.json',
        model=dict(backbone=dict(type='ResNet', depth=18)),  # From scratch: nothing is downloaded.
        hook=dict(interval=5),
        pictures=dict(interval=10),
    )
)
