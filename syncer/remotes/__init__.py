"""The wire: one client for each remote system, and no idea of an order's state."""
