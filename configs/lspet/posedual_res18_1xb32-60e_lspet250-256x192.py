# Two networks teach each other: the first 250 people lend their labels, all 3,700 their images. For a GPU.
_base_ = 'td-hm_res18_1xb32-60e_lspet-256x192.py'
from mmpose_dualteach.switch import mutual_teaching

globals().update(
    mutual_teaching(_base_, labeled=dict(indices=250), unlabeled='train.json', hook=dict(burn_in=15, ramp_up=5))
)
