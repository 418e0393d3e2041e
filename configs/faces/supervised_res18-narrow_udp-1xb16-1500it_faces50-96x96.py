# The baseline: one network on the same 50 labels, in the same steps.
_base_ = 'mutual-teaching_res18-narrow_udp-1xb16-1500it_faces50-96x96.py'
from mmpose_dualteach.switch import supervised

globals().update(supervised(_base_))
