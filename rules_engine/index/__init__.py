"""The bitmap index over predicates, as values: numpy and pyarrow, no Spark."""
