# What the default is made of, each part left out, beside the paper's relatives: 50 labels, 600 steps.
_base_ = 'faces-short.py'
labels = [50]
methods = [
    'supervised',
    'mutual-teaching',
    'without-confidence',
    'without-randaugment',
    'with-papers-views',
    'with-papers-weights',
    'posedual',
    'posecons',
    'mean-teacher',
    'naive-consistency',
]
