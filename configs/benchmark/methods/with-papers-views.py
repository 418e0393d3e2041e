# The default with the paper's views instead of those of the labelled pipeline.
title = "with the paper's views"
views = 'paper'
