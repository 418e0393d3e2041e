# The same in 4,000 steps, one seed.
_base_ = 'bodies.py'
steps = 4000
seeds = [0]
methods = ['supervised', 'posedual', 'mutual-teaching']
