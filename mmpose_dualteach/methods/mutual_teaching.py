# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Two networks teach each other; labels count in full, each joint of a lesson as much as its teacher is sure of it.

The default. It goes on from Xie et al., ICCV 2021, in what experiments showed (docs/results.md): labels count as in a
stock run, half weights lost to the baseline; a joint's loss is weighted by its teacher's score, so that unripe teachers
teach little and no burn-in is needed; both views are those of the labelled pipeline, the hard one half as strong again;
colours change on the hard view, by operations that a camera or light can do.
"""

TITLE = 'mutual teaching'
SOURCE = 'this package'
OPTIONS = dict(rand_augment=dict(num=2, magnitude=20))
