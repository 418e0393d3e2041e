# The supervised network of the 1K / 5K / 10K / 20K tables with HRNet-w32.
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=32)
model = dict(test_cfg=dict(flip_test=False))
train_dataloader = dict(batch_size=32)
val_dataloader = dict(dataset=dict(bbox_file=None))
test_dataloader = val_dataloader
