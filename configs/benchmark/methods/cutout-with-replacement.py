# PoseCons that covers five joints drawn with replacement, so that some are drawn twice: 4.5 of 17 on the average. (The
# released code of Xie et al. draws out of 24, of which COCO sees 17.)
title = 'Joint Cutout, with replacement'
method = 'posecons'
model = dict(paths=[[dict(type='JointCutout', replacement=True)]])
