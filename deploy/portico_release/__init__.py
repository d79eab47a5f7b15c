"""Releases of the suite: bringing a version, watching it, taking it back. docs/releasing.md says how it is used."""
