# A small network that learns from a larger frozen one that saw the same labels, beside its own mutual teaching, 600
# steps. First `bodies.py --methods supervised --work-dir work_dirs/bodies`, whose student is that teacher.
_base_ = 'bodies-short.py'
stock = '../lspet/td-hm_res18-narrow_udp-1xb16-1500it_lspet-128x96.py'
labels = [500]
seeds = [0]
methods = ['supervised', 'mutual-teaching', 'taught-by-larger-body']
