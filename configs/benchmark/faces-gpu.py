# The same in full precision, for a GPU, with joint teachers beside the default.
_base_ = 'faces.py'
methods = ['supervised', 'mutual-teaching', 'with-joint-teachers']
switch = dict(model=dict(autocast=None, channels_last=False))
