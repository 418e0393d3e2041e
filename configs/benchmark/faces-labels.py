# For curves over labels that are chosen one after the other (tools/benchmark_suggestions.py): 300 steps a run.
_base_ = 'faces.py'
steps = 300
