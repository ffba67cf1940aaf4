"""A kind cluster with real kubelets, also where neither Docker nor its images are to be had.

The engine is the user's Docker if it answers, else a dockerd of the clone's own. The node image
is kind's public one if it can be pulled, else one that is built from Debian packages and Go
modules: the machines that need it are those that reach package registries and nothing else.
"""
