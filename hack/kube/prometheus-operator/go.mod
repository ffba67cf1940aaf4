// Not tidied, and nothing of it is compiled: only files of the module are read (see tools.py).
module sysplex.dev/hack/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
