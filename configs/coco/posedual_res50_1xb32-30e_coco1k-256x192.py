# PoseDual, ResNet-50, 1K labels.
_base_ = 'posedual_res18_1xb32-30e_coco1k-256x192.py'

model = dict(backbone=dict(depth=50, init_cfg=dict(checkpoint='torchvision://resnet50')), head=dict(in_channels=2048))
