# Whole bodies at the size of most stock configs, 500 labels, 700 steps in full precision: for a GPU, to which a core of
# the CPU brings the images of a run.
_base_ = 'bodies.py'
stock = '../lspet/td-hm_efficientnet-lite0_udp-1xb16-1500it_lspet-256x192.py'
labels = [500]
steps = 700
methods = ['supervised', 'posedual', 'mutual-teaching', 'with-joint-teachers']
switch = dict(model=dict(autocast=None, channels_last=False))
