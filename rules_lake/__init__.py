"""What happens to data before the evaluator: landed, made private, mastered. Knows neither rules database nor history."""
