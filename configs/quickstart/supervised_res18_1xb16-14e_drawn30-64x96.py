# The baseline: one network on the same 30 labels, in the same steps.
_base_ = 'mutual-teaching_res18_1xb16-14e_drawn30-64x96.py'
from mmpose_dualteach.switch import supervised

globals().update(supervised(_base_))
