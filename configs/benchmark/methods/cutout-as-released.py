# PoseCons that covers five joints drawn with replacement, as the released code of Xie et al. draws them.
title = 'Joint Cutout, with replacement'
method = 'posecons'
model = dict(paths=[[dict(type='JointCutout', replacement=True)]])
