//! Proxies: which requests go through one, which never do, and what is told of it. The hosts of these tests have names that
//! nobody can resolve: whoever reaches them came through the proxy.

mod measured;
mod unmeasured;

/// The password of every proxy; it must be nowhere.
const PASSWORD: &str = "canary-of-the-proxy";
