"""What happens to data before the evaluator: landed, made private, mastered. It knows neither rules nor history."""
