module sysplex.dev/hack/traffic

go 1.26
