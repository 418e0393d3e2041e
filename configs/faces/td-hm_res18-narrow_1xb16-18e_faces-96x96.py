# The same with a quarter of the multiplications, ResNet-18 at half its width, and fewer epochs: for two cores.
_base_ = 'td-hm_res18_1xb16-30e_faces-96x96.py'

train_cfg = dict(max_epochs=18, val_interval=2)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=18, milestones=[13, 16], gamma=0.1, by_epoch=True),
]
model = dict(
    backbone=dict(stem_channels=32, base_channels=32), head=dict(in_channels=256, deconv_out_channels=(32, 32, 32))
)
