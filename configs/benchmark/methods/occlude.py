# PoseCons that covers two joints by what lies around another instance's.
title = 'Joint-Occlude'
method = 'posecons'
model = dict(paths=[[dict(type='JointOcclude')]])
