# A larger network from ImageNet's weights (see ../lspet/README.md), to teach the small one.
_base_ = 'td-hm_res18_1xb16-1500it_drawn-64x96.py'

custom_imports = dict(imports=['mmpretrain.models'], allow_failed_imports=False)
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.TIMMBackbone',
        model_name='tf_efficientnet_lite0',
        features_only=True,
        out_indices=(4,),
        init_cfg=dict(type='Pretrained', checkpoint='data/imagenet/efficientnet-lite0.pth'),
    ),
    head=dict(in_channels=320, deconv_out_channels=(96, 96, 96), deconv_kernel_sizes=(4, 4, 4)),
)
