# The supervised network of the 1K / 5K / 10K / 20K tables with ResNet-50.
_base_ = 'td-hm_res18_1xb32-210e_coco-256x192.py'

model = dict(backbone=dict(depth=50, init_cfg=dict(checkpoint='torchvision://resnet50')), head=dict(in_channels=2048))
