//! What people see at 80 and 140 columns, one stored picture each, and that documents are what their schema says.
