# The same from ImageNet's weights (see configs/lspet/README.md).
_base_ = 'cid_res18_1xb16-1500it_crowd-128x96.py'

custom_imports = dict(imports=['mmpretrain.models'], allow_failed_imports=False)
model = dict(
    data_preprocessor=dict(mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.TIMMBackbone',
        model_name='tf_efficientnet_lite0',
        features_only=True,
        out_indices=(1, 2, 3, 4),
        init_cfg=dict(type='Pretrained', checkpoint='data/imagenet/efficientnet-lite0.pth'),
    ),
    head=dict(in_channels=496),
)
