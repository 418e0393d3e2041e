# The supervised network of the paper's 1K / 5K / 10K table: ResNet-18, Adam at 1e-3, ground-truth boxes, no flip test
# (xierc/Semi_Human_Pose, experiments/mix_coco_coco/res18).
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=32)
model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint='torchvision://resnet18')),
    head=dict(in_channels=512),
    test_cfg=dict(flip_test=False),
)
train_dataloader = dict(batch_size=32)
val_dataloader = dict(dataset=dict(bbox_file=None))
test_dataloader = val_dataloader
