# A small network for the same bodies: a narrow ResNet-18 from scratch.
_base_ = 'td-hm_efficientnet-lite0_udp-1xb16-1500it_lspet-128x96.py'

model = dict(
    backbone=dict(_delete_=True, type='ResNet', depth=18, stem_channels=32, base_channels=32),
    head=dict(in_channels=256, deconv_out_channels=(32, 32, 32)),
)
