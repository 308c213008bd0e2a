"""What runs beside Spark's executors: batches in, batches out. No Spark."""
