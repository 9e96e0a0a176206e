"""How fast the core is, against something anybody can picture: ``python -m benchmarks`` (``make bench``).

Every figure is a ratio of two things measured in one run on one machine, their repetitions taking turns.
"""
