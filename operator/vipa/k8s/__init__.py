"""The Kubernetes API as values and requests. Adapters only: nothing here decides."""
