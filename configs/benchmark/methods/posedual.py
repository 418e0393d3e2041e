# Two networks teach each other, from easy to hard: the package's default.
title = 'PoseDual'
