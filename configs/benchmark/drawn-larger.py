# A small network that learns from a larger frozen one that saw the same labels, beside its own mutual teaching. First
# `drawn-larger-teacher.py --work-dir work_dirs/larger`, whose student is that teacher.
_base_ = 'drawn-short.py'
seeds = [0]
methods = ['supervised', 'mutual-teaching', 'taught-by-larger']
