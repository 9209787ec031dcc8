//! A pretend payment intermediary and registry, for demonstration and tests.
