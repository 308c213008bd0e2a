"""What runs on the cluster, how it gets there, and how the parts are wired."""
