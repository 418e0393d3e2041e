# The baseline: one network on the same 50 labels, in the same steps. Unlabelled images are drawn and left alone.
_base_ = 'mutual-teaching_res18-narrow_udp-1xb16-1500it_faces50-96x96.py'
model = dict(networks=dict(_delete_=True, a=dict()), lessons=[])
