# PoseDual with Joint Cutout, 1K labels.
_base_ = 'posedual_res18_1xb32-30e_coco1k-256x192.py'
train_cfg = dict(max_epochs=70)
param_scheduler = [dict(type='MultiStepLR', begin=0, end=70, milestones=[50, 60], gamma=0.1, by_epoch=True)]
model = dict(paths=[[dict(type='JointCutout')]])
