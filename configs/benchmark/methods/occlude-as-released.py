# The same with x and y of every joint swapped, as in the released codes of SSPCM and MultiAugs.
title = 'Joint-Occlude, transposed'
method = 'posecons'
model = dict(paths=[[dict(type='JointOcclude', transposed=True)]])
