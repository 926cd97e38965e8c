"""Every Amazon Macie classification job of a whole AWS organization, in SQL, without silent gaps."""

__version__ = "0.1.0"
