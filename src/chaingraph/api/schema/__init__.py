"""What goes out over the wire, declared as types: for clients that are checked against them."""
