# The same with a quarter of the multiplications, ResNet-18 at half its width, and fewer steps: for two cores.
_base_ = 'td-hm_res18_udp-1xb16-4000it_faces-96x96.py'

train_cfg = dict(max_iters=1500, val_interval=150)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=1500, milestones=[1125, 1380], gamma=0.1, by_epoch=False),
]
default_hooks = dict(checkpoint=dict(interval=150))
model = dict(
    backbone=dict(stem_channels=32, base_channels=32), head=dict(in_channels=256, deconv_out_channels=(32, 32, 32))
)
