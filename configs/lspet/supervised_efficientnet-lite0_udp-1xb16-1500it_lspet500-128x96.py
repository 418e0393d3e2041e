# The baseline: one network on the same 500 labels, in the same steps. Unlabelled images are drawn and left alone.
_base_ = 'mutual-teaching_efficientnet-lite0_udp-1xb16-1500it_lspet500-128x96.py'
model = dict(networks=dict(_delete_=True, a=dict()), lessons=[])
