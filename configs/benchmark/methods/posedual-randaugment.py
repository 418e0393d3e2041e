# With the paper's photometric RandAugment on the hard view.
_base_ = 'posedual.py'
title = 'PoseDual, RandAugment'
rand_augment = dict(num=2, magnitude=20)
