//! Addresses that are never reached through a proxy: a login fetched from them belongs to this machine.

use url::{Host, Url};

/// Google's name of its metadata server, which resolves to a link-local address.
const METADATA_NAME: &str = "metadata.google.internal";

const LOCALHOST: &str = "localhost";

/// True if an address belongs to this machine or to a metadata service (EC2, ECS, EKS, Azure, Google). A proxy would
/// connect to its own metadata service and return the role of another machine.
pub(super) fn is_local(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => {
            ip.is_loopback() || ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0x0ec2]
        }
        Some(Host::Domain(name)) => [LOCALHOST, METADATA_NAME].contains(&name.trim_end_matches('.')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_asked_without_a_proxy() {
        for local in [
            "http://169.254.169.254/latest/api/token",
            "http://[fd00:ec2::254]/latest/api/token",
            "http://169.254.170.2/v2/credentials/x",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://metadata.google.internal./computeMetadata/v1/",
            "http://127.0.0.1:1338/latest",
            "http://localhost:1338/latest",
            "http://[::1]:1338/latest",
        ] {
            assert!(is_local(local), "{local}");
        }
        for remote in [
            "https://portal.sso.us-east-1.amazonaws.com/federation/credentials",
            "https://sts.amazonaws.com/",
            "http://10.0.0.7/role",
            "http://[fd00:ec3::1]/",
            "http://metadata.google.internal.example.com/",
            "no address",
        ] {
            assert!(!is_local(remote), "{remote}");
        }
    }
}
