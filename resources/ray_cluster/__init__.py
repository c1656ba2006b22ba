"""Work on a Ray cluster: jobs, tasks and training groups, and how they end with the run.

Only files of this folder import ray, and only when they are asked to do something with it.
"""
