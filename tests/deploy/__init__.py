"""Tests of deploy/: by Helm, kubectl, the schemas of Kubernetes and Compose, hadolint, and our own settings' models."""
