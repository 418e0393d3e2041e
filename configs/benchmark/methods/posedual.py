# The paper's; a fifth of the run is burn-in, since networks from scratch need one.
title = 'PoseDual'
method = 'posedual'
hook = dict(burn_in=300)
