"""Checks of the state machines and the templates that need no server: what they say is compared with its sources."""
