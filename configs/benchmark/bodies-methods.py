# Every method of the package by its name: 500 labels of whole bodies, 1,500 steps.
_base_ = 'bodies.py'
labels = [500]
methods = ['supervised', 'supervised-two', '*']
