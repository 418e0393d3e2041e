# Two networks teach each other: 30 of the drawn people lend their labels, all of them their images.
_base_ = 'td-hm_res18_1xb16-14e_drawn-64x96.py'
from mmpose_dualteach.switch import mutual_teaching

globals().update(
    mutual_teaching(
        _base_,
        labeled=dict(indices=30),
        unlabeled='train.json',
        model=dict(autocast='auto', channels_last=True),
        hook=dict(interval=25),
        pictures=dict(interval=525),
    )
)
