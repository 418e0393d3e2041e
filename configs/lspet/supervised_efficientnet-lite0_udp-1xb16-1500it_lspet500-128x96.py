# The baseline: one network on the same 500 labels, in the same steps.
_base_ = 'mutual-teaching_efficientnet-lite0_udp-1xb16-1500it_lspet500-128x96.py'
from mmpose_dualteach.switch import supervised

globals().update(supervised(_base_))
