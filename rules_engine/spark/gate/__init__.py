"""Gates 2a and 2b, and the try: what Spark makes of a rule, and what that costs."""
