# Two networks teach each other: the first 50 faces lend their labels, all 1,107 their images.
_base_ = 'td-hm_res18-narrow_udp-1xb16-1500it_faces-96x96.py'
from mmpose_dualteach.switch import mutual_teaching

globals().update(
    mutual_teaching(
        _base_,
        labeled=dict(indices=50),
        unlabeled='train.json',
        model=dict(autocast='auto', channels_last=True),
        hook=dict(by_epoch=False),
        pictures=dict(interval=500),
    )
)
