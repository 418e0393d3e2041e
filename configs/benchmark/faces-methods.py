# Every method of the package by its name: 50 labels, 1,500 steps.
_base_ = 'faces.py'
labels = [50]
methods = ['supervised', 'supervised-two', '*']
