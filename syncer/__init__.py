"""Notices orders in portals, has each delivered, and tells the portal."""
