"""The demo's other half: a lake from dirty sources, from the extracts of two systems to decisions about persons."""
