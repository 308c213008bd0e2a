"""The acceptance runner: any corpus folder through the same path as a user's rules, compared exactly."""
