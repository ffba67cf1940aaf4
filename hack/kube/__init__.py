"""A real control plane (etcd, kube-apiserver, kube-controller-manager) beside the tests.

The processes are started directly, so that nothing but the real programs stands between a
test and the behaviour that users will meet. Go modules that pin the programs lie in the
folders `kubernetes` and `etcd`.
"""
