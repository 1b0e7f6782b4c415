//! Inventory files in, checked hosts and host patterns out.
