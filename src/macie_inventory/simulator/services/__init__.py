"""The AWS services of the simulator, one module each."""
