//! Server-sent events cut from a recorded body (WHATWG HTML, section 9.2.6), each with the stamp of the read that
//! completed its last data line. Pure; any chunking of the same bytes gives the same events.
