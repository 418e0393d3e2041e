# The baseline: one network on the same 30 labels, in the same steps. Unlabelled images are drawn and left alone.
_base_ = 'mutual-teaching_res18_1xb16-14e_drawn30-64x96.py'
model = dict(networks=dict(_delete_=True, a=dict()), lessons=[])
