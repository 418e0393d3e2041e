# Two networks teach each other: the first 100 faces lend their labels, all 1,107 their images.
_base_ = 'td-hm_res18_faces-96x96.py'
from mmpose_dualteach.switch import mutual_teaching

globals().update(mutual_teaching(
    _base_,
    labeled=dict(indices=100),
    unlabeled='train.json',
    model=dict(autocast='bfloat16', channels_last=True),
    hook=dict(burn_in=10, interval=25),
    pictures=dict(interval=560)))
