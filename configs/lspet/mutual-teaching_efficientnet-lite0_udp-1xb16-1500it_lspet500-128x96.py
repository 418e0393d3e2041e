# Two networks teach each other: the first 500 people lend their labels, all 3,700 their images.
_base_ = 'td-hm_efficientnet-lite0_udp-1xb16-1500it_lspet-128x96.py'
from mmpose_dualteach.switch import mutual_teaching

globals().update(
    mutual_teaching(
        _base_,
        labeled=dict(indices=500),
        unlabeled='train.json',
        model=dict(autocast='auto', channels_last=True),
        hook=dict(by_epoch=False),
        pictures=dict(interval=500),
    )
)
