"""Permissions: the operations that the program calls, and the policies and templates that allow exactly those."""
