# With the paper's Joint Cutout on the hard view.
_base_ = 'posedual.py'
title = 'PoseDual, Joint Cutout'
model = dict(joint_cutout=dict())
