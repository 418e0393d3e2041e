# The default with no colours changed on the hard view.
title = 'without RandAugment'
rand_augment = False
