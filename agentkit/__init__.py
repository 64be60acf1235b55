"""Function-calling agents on the Gemini native API."""

__version__ = "0.1.0"
