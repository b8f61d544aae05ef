"""Apprise: people are told over chat, mail, pagers and web hooks."""
