# What the default is made of, each part left out, and what might be added, beside the paper's relatives: 50 labels, 600
# steps.
_base_ = 'faces-short.py'
labels = [50]
methods = [
    'supervised',
    'mutual-teaching',
    'without-confidence',
    'without-randaugment',
    'with-papers-views',
    'with-papers-weights',
    'with-joint-teachers',
    'posedual',
    'posecons',
    'mean-teacher',
    'naive-consistency',
]
