# For curves over labels that are chosen one after the other (tools/benchmark_suggestions.py): 300 steps a run.
_base_ = 'bodies.py'
steps = 300
