# The default with all joints alike.
title = 'without confidence'
model = dict(confidence=False)
