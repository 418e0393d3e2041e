# The default, but each network is taught by the mean of both, one of them before a mirror: as many passes.
title = 'with joint teachers'
model = dict(lessons=[dict(teacher=['a', 'b.mirrored'], student='a'), dict(teacher=['a', 'b.mirrored'], student='b')])
