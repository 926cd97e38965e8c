"""The command line: argv to configuration to run to printed report to exit code."""
