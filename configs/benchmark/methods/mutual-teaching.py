# Two networks teach each other: the package's default, with no option but the data.
title = 'mutual teaching'
