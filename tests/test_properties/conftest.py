# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
from hypothesis import HealthCheck, settings

# The same examples in every run, and no limit of time for each on a busy machine.
settings.register_profile('tests', derandomize=True, deadline=None, database=None, max_examples=50,
                          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
settings.load_profile('tests')
