# The default with the paper's weights: labels count half.
title = "with the paper's weights"
model = dict(sup_weight=0.5)
