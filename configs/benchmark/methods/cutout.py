# PoseCons that covers five different joints.
title = 'Joint Cutout'
method = 'posecons'
model = dict(paths=[[dict(type='JointCutout')]])
