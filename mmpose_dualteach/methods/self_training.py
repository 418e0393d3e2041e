# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""One network is taught in rounds by itself as it was when the round began, and ends on labels alone.

Pseudo-labels (Lee, ICML workshop 2013) in rounds (Xie et al., "Self-training with Noisy Student", CVPR 2020), which the
field's tables call PseudoPose: train on labels, label the rest, train on both, and fine-tune on the labels. Otherwise
here: all in one run of one schedule, its parts of one length; the network of a round goes on from the last one's;
pseudo-labels are drawn on the fly by a copy that does not change in a round, redrawn as the codec's labels and
weighted by its scores; the copy normalises by its running statistics.
"""

TITLE = 'self-training in rounds'
SOURCE = 'Lee, 2013; Xie et al., CVPR 2020'
OPTIONS = dict(
    rand_augment=dict(num=2, magnitude=20),
    model=dict(
        networks=dict(a=dict()),
        lessons=[dict(teacher='a.snapshot', student='a')],
        redraw=True,
        teacher_mode='eval',
        statistics='all',
    ),
    hook=dict(rounds=2),
)
