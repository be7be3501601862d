//! What people see of it, and that programs get what the schema says.
