# Occlusions as they are meant and as released codes have them, on one network that teaches itself: 50 labels, 600
# steps.
_base_ = 'faces-short.py'
labels = [50]
methods = ['supervised', 'posecons', 'cutout', 'cutout-with-replacement', 'occlude', 'occlude-as-released']
