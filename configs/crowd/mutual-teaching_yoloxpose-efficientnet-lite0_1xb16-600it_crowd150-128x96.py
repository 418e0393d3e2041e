# Two networks teach each other: the first 150 images lend their labels, all 1,200 their pixels.
_base_ = 'yoloxpose_efficientnet-lite0_1xb16-600it_crowd-128x96.py'
from mmpose_dualteach.switch import mutual_teaching

globals().update(
    mutual_teaching(_base_, labeled=dict(indices=150), unlabeled='train.json', pictures=dict(interval=200))
)
